//! Owns `lockstep users`.
//! Must not know: whether a database or a server does the work.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Failure, Output, Rows, target::Target};
use crate::{contract::types, model::UserFilter};

#[derive(Debug, Subcommand)]
pub(super) enum UsersCommand {
    /// Store a user and enqueue its welcome.
    #[command(
        after_help = "Examples:\n  lockstep users create ada@example.com 36 --name 'Ada Lovelace'"
    )]
    Create {
        email: String,
        age: i64,
        #[command(flatten)]
        details: Details,
    },
    /// Show a user.
    Get { id: u64 },
    /// List users, newest first.
    #[command(
        after_help = "Examples:\n  lockstep users list --active true\n  lockstep users list --email ada@example.com"
    )]
    List {
        /// Only the user with this address, without regard to case.
        #[arg(long)]
        email: Option<String>,
        /// Only active, or only inactive users.
        #[arg(long, value_name = "true|false")]
        active: Option<bool>,
        /// Most users to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Change a user; what is left out stays.
    #[command(after_help = "Examples:\n  lockstep users update 7 --age 37 --active false")]
    Update {
        id: u64,
        #[arg(long)]
        email: Option<String>,
        #[arg(long, allow_negative_numbers = true)]
        age: Option<i64>,
        #[command(flatten)]
        details: Details,
    },
    /// Delete a user and its profile.
    Delete { id: u64 },
}

#[derive(Debug, Args)]
pub(super) struct Details {
    /// Full name.
    #[arg(long)]
    name: Option<String>,
    /// A few words about the user.
    #[arg(long)]
    bio: Option<String>,
    /// Whether the user may use the service.
    #[arg(long, value_name = "true|false")]
    active: Option<bool>,
}

impl Details {
    fn into_body(self, email: Option<String>, age: Option<i64>) -> Value {
        let properties = [
            ("email", email.map(Value::from)),
            ("age", age.map(Value::from)),
            ("name", self.name.map(Value::from)),
            ("bio", self.bio.map(Value::from)),
            ("is_active", self.active.map(Value::from)),
        ];
        let given = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
        Value::Object(
            properties
                .into_iter()
                .filter_map(given)
                .collect::<Map<_, _>>(),
        )
    }
}

impl UsersCommand {
    pub(super) async fn run(
        self,
        target: &impl Target,
        output: &mut Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Create {
                email,
                age,
                details,
            } => {
                let body = details.into_body(Some(email), Some(age));
                output.show(&target.user_create(body).await?, one)
            }
            Self::Get { id } => output.show(&target.user(id).await?, one),
            Self::List {
                email,
                active,
                limit,
            } => {
                let filter = UserFilter {
                    email,
                    is_active: active,
                };
                output.show(&target.users(filter, limit).await?, |users| table(users))
            }
            Self::Update {
                id,
                email,
                age,
                details,
            } => {
                let body = details.into_body(email, age);
                output.show(&target.user_update(id, body).await?, one)
            }
            Self::Delete { id } => {
                target.user_delete(id).await?;
                output.show(&json!({ "deleted": 1 }), |_| {
                    Rows::pairs([(format!("user {id} deleted").as_str(), String::new())])
                })
            }
        }
    }
}

fn one(user: &types::User) -> Rows {
    table(std::slice::from_ref(user))
}

fn table(users: &[types::User]) -> Rows {
    let columns = ["ID", "EMAIL", "AGE", "NAME", "ACTIVE", "BIO"];
    Rows::new(&columns).with(users, |user| {
        vec![
            user.id.to_string(),
            user.email.to_string(),
            user.age.to_string(),
            user.name.as_deref().map_or("", String::as_str).to_owned(),
            user.is_active.to_string(),
            user.bio.as_deref().map_or("", String::as_str).to_owned(),
        ]
    })
}
