//! Owns the list of mutations, and what must catch each.
#![expect(clippy::too_many_lines, reason = "lists")]

use serde_json::{Value, json};

use super::edit::{at, drop_item, remove, rename, set};

/// What must catch a mutation.
#[derive(Clone, Copy)]
pub(super) enum Caught {
    /// The build script refuses the document, with this reason.
    Generator(&'static str),
    /// The library does not compile; the compiler's message has this in it.
    Compiler(&'static str),
    /// Everything follows by itself, as it should: what catches it is the comparison with the last blessed contract,
    /// which asks for a version that says so.
    Release,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) by: Caught,
    pub(super) mutate: fn(&mut Value),
}

fn case(name: &'static str, by: Caught, mutate: fn(&mut Value)) -> Case {
    Case { name, by, mutate }
}

pub(super) fn cases() -> Vec<Case> {
    [operations(), types(), job_types(), bounds(), mistakes()]
        .into_iter()
        .flatten()
        .collect()
}

fn operations() -> Vec<Case> {
    vec![
        case(
            "an operation is added",
            Caught::Compiler("not all trait items implemented"),
            |spec| {
                let mut added = at(spec, "/paths/~1job-types/get").clone();
                added["operationId"] = json!("list_tenants");
                spec["paths"]["/tenants"] = json!({ "get": added });
            },
        ),
        case(
            "an operation is removed",
            Caught::Compiler("delete_user"),
            |spec| {
                remove(spec, "/paths/~1users~1{id}/delete");
            },
        ),
        case(
            "an operation is renamed",
            Caught::Compiler("fetch_user"),
            |spec| {
                set(
                    spec,
                    "/paths/~1users~1{id}/get/operationId",
                    json!("fetch_user"),
                );
            },
        ),
        case(
            "an operation moves to another path",
            Caught::Release,
            |spec| {
                rename(spec, "/paths/~1job-stats", "/jobs-statistics");
            },
        ),
        case("an operation changes its method", Caught::Release, |spec| {
            rename(spec, "/paths/~1jobs~1{id}~1retry/post", "put");
        }),
        case(
            "a parameter is removed",
            Caught::Compiler("is_active"),
            |spec| {
                at(spec, "/paths/~1users/get/parameters")
                    .as_array_mut()
                    .unwrap()
                    .retain(|parameter| parameter["name"] != "is_active");
            },
        ),
        case("a parameter becomes required", Caught::Release, |spec| {
            set(spec, "/components/parameters/IfMatch/required", json!(true));
        }),
        case("a success status changes", Caught::Release, |spec| {
            rename(spec, "/paths/~1users/post/responses/201", "200");
        }),
        case(
            "an answer loses a header",
            Caught::Compiler("3 arguments were supplied"),
            |spec| {
                remove(spec, "/paths/~1users/post/responses/201/headers/Location");
            },
        ),
        case(
            "an error status is no longer declared",
            Caught::Release,
            |spec| {
                remove(spec, "/paths/~1users/post/responses/409");
            },
        ),
        case(
            "an operation no longer asks for a token",
            Caught::Release,
            |spec| {
                set(spec, "/paths/~1users/get/security", json!([]));
            },
        ),
        case(
            "a request body becomes another schema",
            Caught::Compiler("no field `email` on type"),
            |spec| {
                let pointer =
                    "/paths/~1users/post/requestBody/content/application~1json/schema/$ref";
                set(spec, pointer, json!("#/components/schemas/JobRequest"));
            },
        ),
    ]
}

fn types() -> Vec<Case> {
    vec![
        case(
            "a response property is renamed",
            Caught::Compiler("is_active"),
            |spec| {
                rename(
                    spec,
                    "/components/schemas/User/properties/is_active",
                    "active",
                );
                drop_item(spec, "/components/schemas/User/required", "is_active");
            },
        ),
        case(
            "a request property is removed",
            Caught::Compiler("bio"),
            |spec| {
                remove(spec, "/components/schemas/UserRequest/properties/bio");
            },
        ),
        case(
            "a response property becomes required",
            Caught::Compiler("no method named `as_deref`"),
            |spec| {
                at(spec, "/components/schemas/User/required")
                    .as_array_mut()
                    .unwrap()
                    .push(json!("name"));
            },
        ),
        case(
            "a response property is added and required",
            Caught::Compiler("missing field"),
            |spec| {
                spec["components"]["schemas"]["Version"]["properties"]["commit"] =
                    json!({ "description": "Source revision.", "type": "string", "maxLength": 40 });
                at(spec, "/components/schemas/Version/required")
                    .as_array_mut()
                    .unwrap()
                    .push(json!("commit"));
            },
        ),
        case(
            "a request property is no longer required",
            Caught::Compiler("no field `0` on type `std::option::Option"),
            |spec| {
                drop_item(spec, "/components/schemas/UserRequest/required", "age");
            },
        ),
        case(
            "a property changes its type",
            Caught::Compiler("error[E0"),
            |spec| {
                set(
                    spec,
                    "/components/schemas/Version/properties/program/type",
                    json!("integer"),
                );
                let program = at(spec, "/components/schemas/Version/properties/program")
                    .as_object_mut()
                    .unwrap();
                program.remove("maxLength");
                program.insert("format".to_owned(), json!("int32"));
                program.insert("minimum".to_owned(), json!(0));
                program.insert("maximum".to_owned(), json!(9));
            },
        ),
        case("a state is added", Caught::Release, |spec| {
            at(spec, "/components/schemas/JobStatus/enum")
                .as_array_mut()
                .unwrap()
                .push(json!("expired"));
        }),
        case(
            "a state is removed",
            Caught::Compiler("Cancelled"),
            |spec| {
                drop_item(spec, "/components/schemas/JobStatus/enum", "cancelled");
            },
        ),
        case(
            "an error code is removed",
            Caught::Compiler("EmailTaken"),
            |spec| {
                drop_item(spec, "/components/schemas/ErrorCode/enum", "email_taken");
            },
        ),
    ]
}

fn job_types() -> Vec<Case> {
    vec![
        case(
            "a job type is added",
            Caught::Compiler("argument"),
            |spec| {
                let mut added = at(spec, "/paths/~1enqueue~1data_analysis").clone();
                added["post"]["operationId"] = json!("enqueue_data_cleanup");
                spec["paths"]["/enqueue/data_cleanup"] = added;
            },
        ),
        case(
            "a job type is removed",
            Caught::Compiler("DataExport"),
            |spec| {
                remove(spec, "/paths/~1enqueue~1data_export");
            },
        ),
        case(
            "a job type's payload changes",
            Caught::Compiler("recipients"),
            |spec| {
                rename(
                    spec,
                    "/components/schemas/EmailNotificationPayload/properties/recipients",
                    "to",
                );
                set(
                    spec,
                    "/components/schemas/EmailNotificationPayload/required",
                    json!(["message", "to"]),
                );
                set(
                    spec,
                    "/paths/~1enqueue~1email_notification/post/x-job/sensitive",
                    json!(["/to"]),
                );
                let example = "/paths/~1enqueue~1email_notification/post/requestBody/content/application~1json/example";
                rename(spec, &format!("{example}/recipients"), "to");
            },
        ),
        case(
            "a job type's result changes",
            Caught::Compiler("sent"),
            |spec| {
                rename(
                    spec,
                    "/components/schemas/EmailNotificationResult/properties/sent",
                    "delivered",
                );
                set(
                    spec,
                    "/components/schemas/EmailNotificationResult/required",
                    json!(["delivered"]),
                );
            },
        ),
        case(
            "a job type's sensitive field points at nothing",
            Caught::Generator("/x-job/sensitive/0"),
            |spec| {
                set(
                    spec,
                    "/paths/~1enqueue~1email_notification/post/x-job/sensitive",
                    json!(["/recipient"]),
                );
            },
        ),
        case(
            "a job type's policy has an unknown key",
            Caught::Generator("max_retrys"),
            |spec| {
                rename(
                    spec,
                    "/paths/~1enqueue~1data_export/post/x-job/max_retries",
                    "max_retrys",
                );
            },
        ),
    ]
}

fn bounds() -> Vec<Case> {
    vec![
        case("a request bound is tightened", Caught::Release, |spec| {
            set(spec, "/components/schemas/UserAge/maximum", json!(120));
        }),
        case("a request bound is loosened", Caught::Release, |spec| {
            set(spec, "/components/schemas/UserBio/maxLength", json!(1000));
        }),
        case("a pattern changes", Caught::Release, |spec| {
            set(
                spec,
                "/components/schemas/QueueName/pattern",
                json!("^[a-z]+$"),
            );
        }),
        case("a format is removed", Caught::Release, |spec| {
            remove(spec, "/components/schemas/Email/format");
        }),
        case(
            "unknown properties become welcome",
            Caught::Release,
            |spec| {
                set(
                    spec,
                    "/components/schemas/DataExportPayload/additionalProperties",
                    json!(true),
                );
            },
        ),
        case("a default changes", Caught::Release, |spec| {
            set(
                spec,
                "/components/schemas/UserRequest/properties/is_active/default",
                json!(false),
            );
        }),
    ]
}

fn mistakes() -> Vec<Case> {
    vec![
        case(
            "a keyword is misspelt",
            Caught::Generator("maxLenght"),
            |spec| {
                rename(spec, "/components/schemas/UserBio/maxLength", "maxLenght");
            },
        ),
        case(
            "a bound is missing",
            Caught::Generator("/components/schemas/UserBio"),
            |spec| {
                remove(spec, "/components/schemas/UserBio/maxLength");
            },
        ),
        case(
            "an operationId is used twice",
            Caught::Generator("get_user"),
            |spec| {
                set(
                    spec,
                    "/paths/~1jobs~1{id}/get/operationId",
                    json!("get_user"),
                );
            },
        ),
        case(
            "a reference points at nothing",
            Caught::Generator("Usre"),
            |spec| {
                let pointer =
                    "/paths/~1users/post/responses/201/content/application~1json/schema/$ref";
                set(spec, pointer, json!("#/components/schemas/Usre"));
            },
        ),
    ]
}
