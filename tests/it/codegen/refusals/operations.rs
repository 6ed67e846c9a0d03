//! Operations, paths and parameters outside the style.

use super::Case;

pub(super) const OPERATIONS: &[Case] = &[
    (
        "      operationId: delete_thing\n",
        "",
        "/paths/~1things~1{id}/delete/operationId",
        "missing",
    ),
    (
        "operationId: delete_thing",
        "operationId: deleteThing",
        "/paths/~1things~1{id}/delete/operationId",
        "snake_case",
    ),
    (
        "operationId: delete_thing",
        "operationId: move",
        "/paths/~1things~1{id}/delete/operationId",
        "word of Rust",
    ),
    (
        "operationId: delete_thing",
        "operationId: list_things",
        "/paths/~1things~1{id}/delete/operationId",
        "taken by",
    ),
    (
        "      description: For good.\n",
        "",
        "/paths/~1things~1{id}/delete/description",
        "missing",
    ),
    (
        "      tags: [enqueue]",
        "      tags: [other]",
        "/paths/~1enqueue~1paint_thing/post/tags",
        "not among",
    ),
    (
        "      tags: [enqueue]",
        "      tags: [enqueue, things]",
        "/paths/~1enqueue~1paint_thing/post/tags",
        "exactly one",
    ),
    (
        "  /things/{id}:\n    delete:",
        "  /things/{id}:\n    head:",
        "/paths/~1things~1{id}/head",
        "not supported",
    ),
    (
        "  /things/{id}:\n    delete:",
        "  /things/{id}:\n    parameters:\n      - name: shared\n        in: query\n        description: Of the whole path.\n        schema:\n          type: string\n    delete:",
        "/paths/~1things~1{id}/parameters",
        "not supported",
    ),
    (
        "  /things/{id}:\n",
        "  /things/{number}:\n",
        "/paths/~1things~1{number}/delete",
        "variables",
    ),
    (
        "  /things/{id}:\n",
        "  /things/x{id}:\n",
        "/paths/~1things~1x{id}/delete",
        "whole segment",
    ),
    (
        "  /enqueue/paint_thing:\n",
        "  /things/all:\n",
        "/paths/~1things~1{id}",
        "router",
    ),
    (
        "in: header",
        "in: cookie",
        "/paths/~1things/post/parameters/0/in",
        "not supported",
    ),
    (
        "          in: header\n",
        "          in: header\n          style: simple\n",
        "/paths/~1things/post/parameters/0/style",
        "unknown key",
    ),
    (
        "          description: Only a star.\n",
        "",
        "/paths/~1things/post/parameters/0/description",
        "missing",
    ),
    (
        "        - name: color\n          in: query",
        "        - name: limit\n          in: query",
        "/paths/~1things/get/parameters/1",
        "twice",
    ),
    (
        "          description: Where to go on.\n          schema:\n            type: string\n",
        "          description: Where to go on.\n          schema:\n            type: string\n            maxLength: 9\n",
        "/paths/~1things/get/parameters/2/schema",
        "unconstrained",
    ),
    (
        "            $ref: '#/components/schemas/Color'\n        - name: limit",
        "            type: array\n            maxItems: 1\n            items:\n              type: boolean\n        - name: limit",
        "/paths/~1things/get/parameters/0/schema",
        "a parameter is",
    ),
    (
        "        required: true\n        description: The thing.",
        "        description: The thing.",
        "/paths/~1things/post/requestBody/required",
        "could not leave",
    ),
    (
        "        - name: page_token",
        "        - name: token",
        "/paths/~1things/get/x-dropshot-pagination",
        "page_token",
    ),
    (
        "        next_page:",
        "        next:",
        "/paths/~1things/get/x-dropshot-pagination",
        "next_page",
    ),
    (
        "      security: []",
        "      security:\n        - bearer: []",
        "/paths/~1things/get/security",
        "only `[]`",
    ),
    (
        "      security: []",
        "      x-dropshot-paginaton: {}",
        "/paths/~1things/get/x-dropshot-paginaton",
        "unknown extension",
    ),
];
