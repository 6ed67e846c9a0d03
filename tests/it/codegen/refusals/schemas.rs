//! Schemas outside the style.

use super::Case;

pub(super) const SCHEMAS: &[Case] = &[
    (
        "'^[a-z]+$'",
        "'^[a-z'",
        "/components/schemas/Name/pattern",
        "no regular expression",
    ),
    (
        "'^[a-z]+$'",
        "'^(?!admin)[a-z]+$'",
        "/components/schemas/Name/pattern",
        "look-ahead",
    ),
    (
        "'^[a-z]+$'",
        r"'^([a-z])\1$'",
        "/components/schemas/Name/pattern",
        "backreferences are not supported",
    ),
    (
        "'^[a-z]+$'",
        r"'^\a$'",
        "/components/schemas/Name/pattern",
        "not ECMAScript's",
    ),
    (
        "'^[a-z]+$'",
        r"'^\A[a-z]+\z'",
        "/components/schemas/Name/pattern",
        "not ECMAScript's",
    ),
    (
        "'^[a-z]+$'",
        r"'(?i)^[a-z]+$'",
        "/components/schemas/Name/pattern",
        "not ECMAScript's",
    ),
    (
        "      maxLength: 10\n",
        "",
        "/components/schemas/Name/maxLength",
        "bounded",
    ),
    (
        "          maxItems: 3\n",
        "",
        "/components/schemas/Thing/properties/tags/maxItems",
        "bounded",
    ),
    (
        "          maximum: 9\n",
        "",
        "/components/schemas/Painted/properties/coats/maximum",
        "bounded",
    ),
    (
        "          format: int32\n",
        "",
        "/components/schemas/Painted/properties/coats/format",
        "int32",
    ),
    (
        "          maximum: 9\n",
        "          maximum: 3000000000\n",
        "/components/schemas/Painted/properties/coats/maximum",
        "outside the format",
    ),
    (
        "          maxProperties: 2\n",
        "",
        "/components/schemas/Thing/properties/extra/maxProperties",
        "bounded",
    ),
    (
        "minLength: 1",
        "minLength: 11",
        "/components/schemas/Name/maxLength",
        "nothing would fit",
    ),
    (
        "required: [id, name]",
        "required: [id, name, note]",
        "/components/schemas/Thing/required/2",
        "required and nullable",
    ),
    (
        "required: [id, name]",
        "required: [id, nam]",
        "/components/schemas/Thing/required/1",
        "not a property",
    ),
    (
        "required: [id, name]",
        "required: [id, id]",
        "/components/schemas/Thing/required/1",
        "twice",
    ),
    (
        "          default: true",
        "          default: true\n          nullable: true",
        "/components/schemas/Thing/properties/solid",
        "default would be lost",
    ),
    (
        "enum: [red, dark_green]",
        "enum: [red, dark_green, dark+green]",
        "/components/schemas/Color/enum/2",
        "clashes",
    ),
    (
        "enum: [red, dark_green]",
        "enum: ['+', '-']",
        "/components/schemas/Color/enum/0",
        "no name in Rust",
    ),
    (
        "        made_at:",
        "        madeAt:\n          type: boolean\n        made_at:",
        "/components/schemas/Thing/properties/made_at",
        "clashes",
    ),
    (
        "    Owner:\n      type: object",
        "    Owner:\n      type: objct",
        "/components/schemas/Owner/type",
        "unknown type",
    ),
    (
        "    Color:\n      type: string\n      enum: [red, dark_green]",
        "    Color:\n      oneOf:\n        - type: boolean",
        "/components/schemas/Color/oneOf",
        "not supported",
    ),
    (
        "    Color:\n",
        "    color:\n      type: boolean\n    Color:\n",
        "/components/schemas/color",
        "upper camel case",
    ),
    (
        "    Color:\n",
        "    ListThingsQuery:\n      type: boolean\n    Color:\n",
        "/components/schemas/ListThingsQuery",
        "taken by the parameters of list_things",
    ),
];
