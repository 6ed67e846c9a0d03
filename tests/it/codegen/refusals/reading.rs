//! What is not read at all, or would be misread.

use super::Case;

pub(super) const READING: &[Case] = &[
    (
        "openapi: 3.0.3",
        "openapi: 3.1.0",
        "/openapi",
        "not supported",
    ),
    ("openapi: 3.0.3\n", "", "/openapi", "missing"),
    (
        "  title: Small",
        "  title: Small\n  title: Again",
        "YAML",
        "duplicate",
    ),
    ("  title: Small", "  title: [", "YAML", "line"),
    (
        "      pattern:",
        "      patern:",
        "/components/schemas/Name/patern",
        "unknown key",
    ),
    (
        "maxLength: 5",
        "maxLenght: 5",
        "/components/schemas/Thing/properties/note/maxLenght",
        "unknown key",
    ),
    (
        "type: boolean\n",
        "type: boolean\n          maxLength: 5\n",
        "/components/schemas/Thing/properties/solid/maxLength",
        "does not belong",
    ),
    (
        "default: true",
        "default: yes",
        "/components/schemas/Thing/properties/solid/default",
        "is no boolean",
    ),
    (
        "          schema:\n            type: string\n            maxLength: 1\n",
        "          required: false\n          schema:\n            type: string\n            maxLength: 1\n",
        "/paths/~1things/post/parameters/0/required",
        "leave it out",
    ),
    (
        "security: []",
        "security: 5",
        "/paths/~1things/get",
        "invalid type",
    ),
];
