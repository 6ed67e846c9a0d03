//! Creates a user, lists the active ones page by page, and enqueues a job.
//!
//! ```text
//! cargo run -p lockstep-client --example create_user -- http://127.0.0.1:8080 ada@example.com
//! ```

use std::{env, error::Error, time::Duration};

use futures::TryStreamExt as _;
use lockstep_client::{Lockstep, api_error, types};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let base_url = arguments
        .next()
        .unwrap_or_else(|| "http://127.0.0.1:8080".into());
    let email = arguments.next().unwrap_or_else(|| "ada@example.com".into());
    let mut server = Lockstep::new(base_url).timeout(Duration::from_secs(10));
    if let Some(token) = env::var_os("LOCKSTEP_TOKEN").and_then(|token| token.into_string().ok()) {
        server = server.token(token);
    }
    let client = server.client()?;

    let created = client
        .create_user()
        .body_map(|user| user.email(email.as_str()).age(types::UserAge(36)))
        .send()
        .await;
    match created {
        Ok(user) => println!("stored user {}", user.id),
        Err(error) => match api_error(&error) {
            Some(refused) => explain(refused),
            None => return Err(error.into()),
        },
    }

    let mut users = client.list_users().is_active(true).stream();
    while let Some(user) = users.try_next().await? {
        println!("{:>6}  {}", user.id, *user.email);
    }

    let title = types::DataAnalysisPayloadMessage::try_from("How are we doing?")?;
    let job = client
        .enqueue_data_analysis()
        .body_map(|payload| payload.message(title))
        .send()
        .await?
        .into_inner();
    let id = job.id.map_or(0, std::num::NonZeroU64::get);
    println!("job {id} ({}) is {}", *job.job_type, job.status);
    Ok(())
}

fn explain(refused: &types::Error) {
    println!("refused: {}", *refused.message);
    for fault in &refused.errors {
        println!("  {}: {}", *fault.pointer, *fault.message);
    }
}
