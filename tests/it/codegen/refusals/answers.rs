//! Answers outside the style.

use super::Case;

pub(super) const ANSWERS: &[Case] = &[
    (
        "        '204':\n          description: Gone.\n",
        "        default:\n          description: Gone.\n",
        "/paths/~1things~1{id}/delete/responses",
        "no success",
    ),
    (
        "        '204':\n",
        "        2XX:\n",
        "/paths/~1things~1{id}/delete/responses/2XX",
        "a status is a number",
    ),
    (
        "        '204':\n",
        "        '302':\n",
        "/paths/~1things~1{id}/delete/responses/302",
        "a status is a number",
    ),
    (
        "        '204':\n",
        "        '200':\n          description: Gone, and here it is.\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Thing'\n        '204':\n",
        "/paths/~1things~1{id}/delete/responses",
        "share one schema",
    ),
    (
        "          $ref: '#/components/responses/Bad'\n    get:",
        "          $ref: '#/components/responses/Bad'\n        '404':\n          description: Where?\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Thing'\n    get:",
        "/paths/~1things/post/responses",
        "all error statuses",
    ),
    (
        "          $ref: '#/components/responses/Bad'\n    get:",
        "          description: No body.\n    get:",
        "/paths/~1things/post/responses/400",
        "an error has a body",
    ),
    (
        "          $ref: '#/components/responses/Bad'\n    get:",
        "          $ref: '#/components/responses/Worse'\n    get:",
        "/paths/~1things/post/responses/400/$ref",
        "does not exist",
    ),
    (
        "      content:\n        application/json:\n          schema:\n            $ref: '#/components/schemas/Error'",
        "      content:\n        application/problem+json:\n          schema:\n            $ref: '#/components/schemas/Error'",
        "/paths/~1things/post/responses/400/content",
        "exactly application/json",
    ),
    (
        "            $ref: '#/components/schemas/Error'",
        "            type: object\n            additionalProperties: false",
        "/paths/~1things/post/responses/400/content/application~1json/schema",
        "a $ref",
    ),
    (
        "            Location:\n              $ref: '#/components/headers/Location'\n          content",
        "            Cache-Control:\n              $ref: '#/components/headers/Location'\n          content",
        "/paths/~1things/post/responses/201/headers/Cache-Control",
        "every answer has this header",
    ),
];
