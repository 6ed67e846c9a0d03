//! Owns testing the question which stored jobs a contract could not read: the engine, over HTTP, on the command line.

use std::{fs, sync::Arc, time::Duration};

use lockstep::{
    contract::{POLICIES, document, jobs},
    drift::{Drift, Reader, TypeDrift},
    model::{AttemptOutcome, Fault, NewJob, Settlement},
    queue::{EnqueueOptions, Upcasters, new_job},
    store::Claim,
    validation::Mode,
};
use serde_json::{Value, json};

use crate::{
    cli::binary::Home,
    support::{
        database::{Database, policy},
        place::on_postgres,
        server::TestServer,
    },
};

/// A job that was accepted under the present schema.
fn accepted(job_type: &str, payload: &Value) -> NewJob {
    let options = EnqueueOptions::default();
    new_job(policy(job_type), payload.to_string(), options).unwrap()
}

/// A job that was accepted under an older schema.
fn older(job_type: &str, payload: &Value) -> NewJob {
    NewJob {
        schema_fingerprint: "older".into(),
        ..accepted(job_type, payload)
    }
}

async fn store(db: &Database, job: NewJob) -> i64 {
    db.store.job_enqueue(job).await.unwrap().job.id
}

/// Stores a job and has it fail for good.
async fn failed(db: &Database, job: NewJob) -> i64 {
    let queue = job.queue.to_string();
    let id = store(db, job).await;
    let claim = Claim {
        queues: &[&queue],
        worker: "here",
        limit: 1,
        lease: Duration::from_secs(30),
        reads: None,
    };
    let claimed = db.store.job_claim(claim).await.unwrap().jobs;
    let fail = Settlement::Fail {
        error: "no luck".to_owned(),
        outcome: AttemptOutcome::Failed,
    };
    let settled = vec![(id, claimed[0].lease, fail)];
    db.store.job_settle(settled).await.unwrap();
    id
}

async fn drift(db: &Database, document: &Value, upcasters: Upcasters) -> Drift {
    let reader = Reader::of_document(document, Mode::Default, POLICIES, upcasters).unwrap();
    Arc::new(reader).all(&db.store).await.unwrap()
}

/// `formats` must be given.
fn stricter() -> Value {
    let mut changed = document().clone();
    changed["components"]["schemas"]["DataExportPayload"]["required"] = json!(["formats"]);
    changed
}

fn upcasters() -> Upcasters {
    let with_formats = |mut payload: Value| {
        let members = payload.as_object_mut().ok_or("not an object")?;
        if members.contains_key("refuse") {
            return Err("it cannot be brought up");
        }
        members.insert("formats".to_owned(), json!(["csv"]));
        Ok(payload)
    };
    Upcasters::new()
        .to_current::<jobs::DataExport>("older", with_formats)
        .unwrap()
}

#[tokio::test]
async fn jobs_that_a_changed_contract_could_not_read_are_counted_where_they_are() {
    let db = Database::new().await;
    let without = json!({"message": "secret"});
    let dead = failed(&db, accepted("data_export", &without)).await;
    let due = store(&db, accepted("data_export", &without)).await;
    let later = NewJob {
        delay: Some(Duration::from_mins(1)),
        ..accepted("data_export", &without)
    };
    let later = store(&db, later).await;
    store(&db, accepted("data_export", &json!({"formats": ["csv"]}))).await;
    store(&db, older("data_export", &without)).await;
    let refused = store(&db, older("data_export", &json!({"refuse": "secret"}))).await;
    let removed = store(&db, accepted("data_analysis", &json!({}))).await;
    let cancelled = store(&db, accepted("data_analysis", &json!({}))).await;
    db.store.job_cancel(cancelled).await.unwrap();
    let untouched = json!({"message": "hi", "recipients": ["ada@example.com"]});
    store(&db, accepted("email_notification", &untouched)).await;

    let mut changed = stricter();
    changed["paths"]
        .as_object_mut()
        .unwrap()
        .remove("/enqueue/data_analysis");
    let found = drift(&db, &changed, upcasters()).await;
    assert_eq!(found.examined, 8);
    let export = TypeDrift {
        queued: 2,
        scheduled: 1,
        failed: 1,
        upcast: 1,
        unread: 1,
        first: Some(Fault::new("/formats", "formats is required")),
        job_ids: vec![dead, due, later, later + 1, refused],
    };
    assert_eq!(found.job_types["data_export"], export);
    let analysis = TypeDrift {
        queued: 1,
        first: Some(Fault::new("", "the contract declares no such job type")),
        job_ids: vec![removed],
        ..TypeDrift::default()
    };
    assert_eq!(found.job_types["data_analysis"], analysis);
    assert_eq!(found.job_types.len(), 2);
    assert!(!format!("{found:?}").contains("secret"));
    // The present contract reads all but what its upcaster refuses.
    let present = drift(&db, document(), upcasters()).await;
    assert_eq!(present.job_types.len(), 1);
    let export = &present.job_types["data_export"];
    assert_eq!((export.queued, export.upcast, export.unread), (1, 1, 0));
    let message = "the upcaster from schema older refused the payload: it cannot be brought up";
    assert_eq!(export.first, Some(Fault::new("", message)));
    db.close().await;
}

#[tokio::test]
async fn nothing_sensitive_is_told() {
    let db = Database::new().await;
    let payload = json!({"message": "hi", "recipients": ["secret@example.com"]});
    store(&db, accepted("email_notification", &payload)).await;
    let mut changed = document().clone();
    changed["paths"]["/enqueue/email_notification"]["post"]["x-job"]
        .as_object_mut()
        .unwrap()
        .remove("sensitive");
    let recipients = "/components/schemas/EmailNotificationPayload/properties/recipients";
    *changed.pointer_mut(recipients).unwrap() = json!({
        "type": "object", "maxProperties": 9, "additionalProperties": {"type": "integer"},
    });
    let array = drift(&db, &changed, Upcasters::new()).await;
    let told = array.job_types["email_notification"].first.clone().unwrap();
    assert_eq!(
        told,
        Fault::new("/recipients", "recipients must be an object")
    );
    // By name, too: the names of an open object are data.
    let by_name = Upcasters::new().to_current::<jobs::EmailNotification>("older", |_| {
        Ok(json!({"message": "hi", "recipients": {"secret@example.com": "no number"}}))
    });
    let db_names = Database::new().await;
    store(&db_names, older("email_notification", &payload)).await;
    let names = drift(&db_names, &changed, by_name.unwrap()).await;
    let told = names.job_types["email_notification"].first.clone().unwrap();
    assert_eq!(
        told,
        Fault::new("/recipients", "something in it breaks the schema")
    );
    db.close().await;
    db_names.close().await;
}

#[tokio::test]
async fn one_request_walks_over_so_many_jobs_and_no_more() {
    let server = TestServer::start(Mode::Default).await;
    let db = &server.database;
    let cancelled = store(db, accepted("data_export", &json!({}))).await;
    db.store.job_cancel(cancelled).await.unwrap();
    for payload in [json!({"formats": 7}), json!({}), json!({"nope": "secret"})] {
        store(db, older("data_export", &payload)).await;
    }
    let (mut after, mut examined, mut pages, mut broken) = (json!(0), 0, 0, 0);
    while !after.is_null() {
        let page = server
            .get(&format!("/drift?limit=1&after_id={after}"))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(!page.text.contains("secret"), "{}", page.text);
        let page = page.json();
        examined += page["examined"].as_i64().unwrap();
        broken += page["job_types"][0]["queued"].as_i64().unwrap_or(0);
        pages += 1;
        after = page["next_after_id"].clone();
    }
    // The last page says that there is nothing after it.
    assert_eq!((pages, examined, broken), (5, 3, 2));
    let whole = server.get("/drift").await.json();
    let export = &whole["job_types"][0];
    assert_eq!(
        (&whole["next_after_id"], &export["unread"]),
        (&json!(null), &json!(1))
    );
    assert_eq!(export["pointer"], "/formats");
    assert_eq!(export["job_ids"], json!([2, 3, 4]));
    for (query, pointer) in [
        ("limit=0", "/query/limit"),
        ("limit=5001", "/query/limit"),
        ("after_id=-1", "/query/after_id"),
        ("after_id=x", "/query/after_id"),
    ] {
        let refused = server.get(&format!("/drift?{query}")).await;
        assert_eq!(
            (refused.status, refused.pointers()),
            (400, vec![pointer.to_owned()])
        );
    }
    server.close().await;
}

#[test]
fn the_exit_code_says_whether_a_deploy_would_leave_jobs_behind() {
    let home = Home::on_either();
    let enqueue = |payload| {
        home.run(&["jobs", "enqueue", "data_export", "--payload", payload])
            .expect(0);
    };
    enqueue(r#"{"message":"secret"}"#);
    enqueue(r#"{"formats":["csv"]}"#);
    let all = home.run(&["jobs", "drift"]).expect(0);
    assert!(
        all.stdout.contains("2 jobs examined, all readable"),
        "{all:#?}"
    );

    let file = home.write("new.json", &stricter().to_string());
    let file = file.to_str().unwrap();
    let broken = home.run(&["jobs", "drift", "--spec", file]).expect(1);
    let broken = broken.saying("1 job could not be read");
    for word in ["data_export", "UPCAST", "/formats", "formats is required"] {
        assert!(broken.stdout.contains(word), "{word} in {broken:#?}");
    }
    assert!(!broken.stdout.contains("secret"));
    let found = home.run(&["jobs", "drift", "--spec", file, "-o", "json"]);
    let found = found.expect(1).json();
    assert_eq!(found["job_types"][0]["job_ids"], json!([1, 2]));

    // What is good under another version's schema is that version's to declare; what this one leaves aside is not.
    home.run(&["jobs", "delete", "1"]).expect(0);
    home.run(&["jobs", "drift", "--spec", file]).expect(0);
    home.place()
        .execute("UPDATE job_queue SET schema_fingerprint = 'older'");
    home.run(&["jobs", "drift"]).expect(1).saying("unchanged");

    let same = home.write("same.yaml", &document().to_string());
    home.run(&["jobs", "drift", "--spec", same.to_str().unwrap()])
        .expect(0);
    let mut odd = document().clone();
    odd["paths"]["/enqueue/data_export"]["post"]["operationId"] = json!("export");
    let mut loose = document().clone();
    loose["components"]["schemas"]["DataExportPayload"] = json!({"allOf": []});
    for (name, text, says) in [
        ("no.yaml", "openapi: [".to_owned(), "not YAML"),
        ("old.yaml", r#"{"openapi":"2.0"}"#.to_owned(), "only 3.0"),
        ("odd.yaml", odd.to_string(), "POST /enqueue/data_export: "),
        ("loose.yaml", loose.to_string(), "allOf"),
    ] {
        let bad = home.write(name, &text);
        let refused = home.run(&["jobs", "drift", "--spec", bad.to_str().unwrap()]);
        refused.expect(2).saying(says);
    }
    home.run(&["jobs", "drift", "--spec", "nowhere.yaml"])
        .expect(2);
    let file = fs::exists(home.path().join("users.db")).unwrap();
    assert_eq!(file, !on_postgres());
}

#[test]
fn a_server_tells_what_its_database_tells() {
    let home = Home::on_either();
    home.run(&["jobs", "enqueue", "data_analysis", "Monthly"])
        .expect(0);
    home.run(&["jobs", "enqueue", "data_export", "--payload", "{}"])
        .expect(0);
    home.place().execute(
        r#"UPDATE job_queue SET schema_fingerprint = 'older', payload = '{"formats":1}' WHERE job_type = 'data_export'"#,
    );
    let arguments = ["serve", "--port", "0", "--no-workers"];
    let (server, ready) = home.start_telling(&arguments, &[]);
    let url = ready["listening"].as_str().unwrap();
    for form in ["table", "json"] {
        let here = home.run(&["jobs", "drift", "-o", form]).expect(1);
        let there = home.run(&["jobs", "drift", "-o", form, "--server", url]);
        assert_eq!(there.expect(1).stdout, here.stdout);
        assert!(here.stdout.contains("data_export"), "{here:#?}");
    }
    let file = home.write("new.json", &document().to_string());
    let file = file.to_str().unwrap();
    home.run(&["jobs", "drift", "--spec", file, "--server", url])
        .expect(2)
        .saying("--spec works on the database");
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}
