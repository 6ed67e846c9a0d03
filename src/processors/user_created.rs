//! Owns the `user_created` job: how it is made when somebody signs up, and what it does.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

use lockstep_client::types::{UserCreatedPayload, UserCreatedResult};
use serde::Serialize;
use slog::info;

use super::{
    failure::{mail_failed, not_in_contract, store_failed},
    profile::profile,
};
use crate::{
    contract::jobs,
    mail::{Letter, Mailer},
    model::{JobPolicy, NewUser, UserCreatedJob},
    queue::{self, EnqueueOptions, JobContext, JobError, JobType, Processor},
    store::{Store, StoreError},
};

const POLICY: &JobPolicy = &<jobs::UserCreated as JobType>::POLICY;

/// Welcomes a new user: profile and sign-up figures first, because they can be done twice without harm; then the
/// e-mail, whose repeat has the same Message-ID.
#[derive(Debug, Clone)]
pub struct UserCreated {
    store: Store,
    mailer: Mailer,
}

impl UserCreated {
    /// A processor on this store and mailer.
    pub fn new(store: Store, mailer: Mailer) -> Self {
        Self { store, mailer }
    }
}

impl Processor for UserCreated {
    type Job = jobs::UserCreated;

    async fn process(
        &self,
        context: JobContext,
        payload: UserCreatedPayload,
    ) -> Result<UserCreatedResult, JobError> {
        let id = i64::try_from(payload.user_id.get()).map_err(not_in_contract("user_id"))?;
        // As the user is now: the address may have been mended since.
        let Some(user) = self.store.user_get(id).await.map_err(store_failed)? else {
            return Ok(gone());
        };
        let profile = profile(id, &payload.additional_props);
        match self.store.user_profile_initialise(profile).await {
            Ok(first) => info!(context.log, "profile initialised"; "first_time" => first),
            Err(StoreError::NotFound) => return Ok(gone()),
            Err(error) => return Err(store_failed(error)),
        }
        let letter = Letter {
            occasion: context.job_id,
            to: &user.email,
            to_name: user.name.as_deref(),
            subject: "Welcome to Lockstep",
            text: &welcome(user.name.as_deref()),
        };
        let message_id = self.mailer.send(&letter).await.map_err(mail_failed)?;
        Ok(UserCreatedResult {
            welcomed: true,
            message_id: message_id.parse().ok(),
            properties: payload
                .additional_props
                .keys()
                .filter_map(|name| name.parse().ok())
                .collect(),
        })
    }
}

/// The user was deleted before its job ran.
fn gone() -> UserCreatedResult {
    UserCreatedResult {
        welcomed: false,
        message_id: None,
        properties: Vec::new(),
    }
}

fn welcome(name: Option<&str>) -> String {
    let greeting = name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},"));
    format!(
        "{greeting}\n\nwelcome to Lockstep: your account is ready.\n\nIf you did not sign up, please ignore this message.\n"
    )
}

/// What `user_data` holds after its id.
#[derive(Serialize)]
struct Data<'a> {
    email: &'a str,
    age: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bio: Option<&'a str>,
    is_active: bool,
}

/// The job of a new user, made once its id is known. All but the id is serialised here, because the closure runs
/// inside the write transaction.
///
/// # Panics
/// Never: strings, numbers and booleans always serialise.
pub fn job_for(user: &NewUser) -> UserCreatedJob {
    let data = serde_json::to_string(&Data {
        email: &user.email,
        age: user.age,
        name: user.name.as_deref(),
        bio: user.bio.as_deref(),
        is_active: user.is_active,
    })
    .expect("strings, numbers and booleans serialise");
    let mut rest = format!(",{}", &data[1..]);
    if let Some(properties) = &user.additional_data {
        rest.push_str(",\"additional_props\":");
        rest.push_str(properties);
    }
    rest.push('}');
    Box::new(move |id| {
        let payload = format!("{{\"user_id\":{id},\"user_data\":{{\"id\":{id}{rest}");
        queue::new_job(POLICY, payload, EnqueueOptions::default())
            .expect("what a policy declares is within its limits")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_payload_is_what_the_contract_says() {
        let user = NewUser {
            email: "ada@example.com".to_owned(),
            age: 36,
            name: Some("Ada \"L\"".to_owned()),
            bio: None,
            is_active: true,
            additional_data: Some(r#"{"hobby":"chess","tags":[1,null]}"#.to_owned()),
        };
        let job = job_for(&user)(42);
        assert_eq!(
            (job.job_type.as_ref(), job.priority, job.max_retries),
            ("user_created", 1, 3)
        );
        assert_eq!(job.schema_fingerprint, POLICY.schema_fingerprint);
        let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
        assert_eq!(
            payload,
            json!({
                "user_id": 42,
                "user_data": {
                    "id": 42, "email": "ada@example.com", "age": 36, "name": "Ada \"L\"", "is_active": true,
                },
                "additional_props": {"hobby": "chess", "tags": [1, null]},
            })
        );
        serde_json::from_str::<UserCreatedPayload>(&job.payload).unwrap();
    }

    #[test]
    fn without_additional_properties_there_is_no_key() {
        let user = NewUser {
            email: "a@example.com".to_owned(),
            age: 0,
            name: None,
            bio: Some("b".to_owned()),
            is_active: false,
            additional_data: None,
        };
        let payload = job_for(&user)(1).payload;
        assert!(!payload.contains("additional_props"));
        serde_json::from_str::<UserCreatedPayload>(&payload).unwrap();
    }
}
