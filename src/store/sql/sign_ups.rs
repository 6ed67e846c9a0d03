//! Owns storing new users with their jobs, one by one and many together.
//! Must not know: how a batch is collected or committed.

use std::{collections::HashMap, time::Duration};

use diesel::{
    ExpressionMethods, QueryDsl, Queryable, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Text},
};
use slog::{Logger, error};

use super::{
    dialect, enqueue::insert, statement::statement, time::micros, tx::Tx, users::email_key,
};
use crate::{
    model::{NewJob, NewUser, User, UserCreatedJob},
    store::{StoreError, UserCreated, schema::users},
};

/// Stores a user and its job. The job may be owed.
pub(in crate::store) fn create(
    tx: &mut Tx<'_>,
    user: &NewUser,
    job: &UserCreatedJob,
    ageing: Duration,
    log: &Logger,
) -> Result<UserCreated, StoreError> {
    let user = store(tx, user)?;
    let job_id = enqueue(tx, &job(user.id), ageing, log)?;
    if job_id.is_none() {
        diesel::update(users::table.find(user.id))
            .set(users::job_enqueued.eq(false))
            .execute(tx.conn)?;
    }
    Ok(UserCreated { user, job_id })
}

#[derive(Queryable, QueryableByName)]
pub(in crate::store) struct Stored {
    #[diesel(sql_type = BigInt)]
    pub(in crate::store) id: i64,
    #[diesel(sql_type = Text)]
    pub(in crate::store) email_key: String,
}

/// Stores users together. Answers them in their order, `None` where an address is taken; or nothing at all, and nothing
/// is stored, where the depth of a queue is limited: what the limit refuses is owed to its user.
pub(in crate::store) fn store_many(
    tx: &mut Tx<'_>,
    users: &[&NewUser],
) -> Result<Option<Vec<Option<User>>>, StoreError> {
    if users.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows: Vec<_> = users
        .iter()
        .map(|user| (*user, email_key(&user.email)))
        .collect();
    let Some(ids) = dialect::insert_users(tx, &rows)? else {
        return Ok(None);
    };
    let users = users.iter().zip(ids);
    let each = users.map(|(user, id)| id.map(|id| stored_user(user, id)));
    Ok(Some(each.collect()))
}

/// The numbers of those who were stored, in the order of all. Who is first among those with one address has it.
pub(in crate::store) fn in_their_order(
    users: &[(&NewUser, String)],
    stored: Vec<Stored>,
) -> Vec<Option<i64>> {
    let ids = stored.into_iter().map(|row| (row.email_key, row.id));
    let mut ids: HashMap<_, _> = ids.collect();
    users.iter().map(|(_, key)| ids.remove(key)).collect()
}

fn store(tx: &mut Tx<'_>, user: &NewUser) -> Result<User, StoreError> {
    let now = micros(tx.now);
    let row = statement(
        "INSERT INTO users (email, email_key, age, name, bio, is_active, additional_data, created_at, updated_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email_key) DO NOTHING",
    )
    .text(user.email.as_str())
    .text(email_key(&user.email))
    .int(i64::from(user.age))
    .optional_text(user.name.as_deref())
    .optional_text(user.bio.as_deref())
    .bool(user.is_active)
    .json(user.additional_data.as_deref())
    .at(now)
    .at(now);
    let id = dialect::insert(tx.conn, row)?.ok_or(StoreError::EmailTaken)?;
    Ok(stored_user(user, id))
}

fn stored_user(user: &NewUser, id: i64) -> User {
    User {
        id,
        email: user.email.clone(),
        age: user.age,
        name: user.name.clone(),
        bio: user.bio.clone(),
        is_active: user.is_active,
        version: 1,
    }
}

/// What fails to enqueue is undone, when the transaction is begun again with savepoints, and nothing else: the user stays, and
/// the reconciler owes the job. An error only when it cannot be undone, because the whole transaction is gone (a full disk):
/// then there is no user either.
fn enqueue(
    tx: &mut Tx<'_>,
    job: &NewJob,
    ageing: Duration,
    log: &Logger,
) -> Result<Option<i64>, StoreError> {
    if !tx.careful {
        return insert(tx, job, ageing).map(|enqueued| Some(enqueued.job.id));
    }
    statement("SAVEPOINT job").execute(tx.conn)?;
    let mark = tx.ledger.mark();
    let job_id = match insert(tx, job, ageing) {
        Ok(enqueued) => Some(enqueued.job.id),
        Err(failure) => {
            tx.ledger.rewind(mark);
            statement("ROLLBACK TO job").execute(tx.conn)?;
            let cause = std::error::Error::source(&failure).map(ToString::to_string);
            error!(log, "a user's job could not be enqueued: the reconciler owes it"; "error" => cause);
            None
        }
    };
    statement("RELEASE job").execute(tx.conn)?;
    Ok(job_id)
}
