//! Owns users, and that none is without its job (new ones: `sign_ups`).
//! Must not know: what the job does.

use diesel::{
    AsChangeset, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper,
    dsl::{AsSelect, SqlTypeOf},
};

use super::{
    At, Backend, Engine,
    enqueue::insert,
    idempotency::once,
    sign_ups::create,
    statement::{ById, Point},
    time::{at, moment},
    tx::{Lane, Tx},
};
use crate::{
    model::{NewUser, User, UserChange, UserCreatedJob, UserFilter, UserRecord},
    store::{Done, Once, StoreError, UserCreated, schema::users},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Backend))]
struct UserRow {
    id: i64,
    #[diesel(embed)]
    rest: RestRow,
}

/// What a user is for whom the number is known.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Backend))]
struct RestRow {
    email: String,
    age: i32,
    name: Option<String>,
    bio: Option<String>,
    is_active: bool,
    version: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Backend))]
struct RecordRow {
    #[diesel(embed)]
    user: UserRow,
    additional_data: Option<String>,
    created_at: i64,
    updated_at: i64,
}

/// In the order of [`RestRow`].
struct UserById;

impl Point for UserById {
    const TEXT: &'static str =
        "SELECT email, age, name, bio, is_active, version FROM users WHERE id = ";
    type Columns = SqlTypeOf<AsSelect<RestRow, Backend>>;
}

impl RestRow {
    fn of(self, id: i64) -> User {
        User {
            id,
            email: self.email,
            age: self.age,
            name: self.name,
            bio: self.bio,
            is_active: self.is_active,
            version: self.version,
        }
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        row.rest.of(row.id)
    }
}

impl From<RecordRow> for UserRecord {
    fn from(row: RecordRow) -> Self {
        Self {
            user: row.user.into(),
            additional_data: row.additional_data,
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
#[expect(
    clippy::option_option,
    reason = "left out, cleared and set are three things"
)]
struct Changes {
    email_key: Option<String>,
    email: Option<String>,
    age: Option<i32>,
    name: Option<Option<String>>,
    bio: Option<Option<String>>,
    is_active: Option<bool>,
    version: i64,
    updated_at: At,
}

/// A literal, not a bound value: the partial index asks for it.
pub(in crate::store) const OWED: &str = "job_enqueued = FALSE";

/// What makes two addresses the same. Unicode, where SQLite's NOCASE is ASCII.
pub(super) fn email_key(email: &str) -> String {
    email.to_lowercase()
}

impl Engine {
    pub(in crate::store) async fn user_create(
        &self,
        user: NewUser,
        job: UserCreatedJob,
        key: Option<Once<UserCreated>>,
    ) -> Result<Done<UserCreated>, StoreError> {
        let (ageing, log) = (self.ageing, self.log.clone());
        if key.is_none() && !has_nul(&user) {
            let created = self.lane(Lane::Rest).sign_up(user, job, ageing, log);
            return created.await.map(Done::Now);
        }
        self.write(Lane::Rest, move |tx| {
            once(tx, key.as_ref(), |tx| create(tx, &user, &job, ageing, &log))
        })
        .await
    }

    pub(in crate::store) async fn user_get(&self, id: i64) -> Result<Option<User>, StoreError> {
        self.look_up(move |conn| {
            let row = ById::<UserById>::new(id).get_result::<RestRow>(conn);
            Ok(row.optional()?.map(|row| row.of(id)))
        })
        .await
    }

    pub(in crate::store) async fn user_update(
        &self,
        id: i64,
        change: UserChange,
        expected_version: Option<i64>,
    ) -> Result<User, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            let version = check_version(tx, id, expected_version)?;
            let changes = Changes {
                email_key: change.email.as_deref().map(email_key),
                email: change.email.clone(),
                age: change.age,
                name: change.name.clone(),
                bio: change.bio.clone(),
                is_active: change.is_active,
                version: version + 1,
                updated_at: at(tx.now),
            };
            diesel::update(users::table.find(id))
                .set(changes)
                .execute(tx.conn)
                .map_err(taken)?;
            let row = users::table
                .find(id)
                .select(UserRow::as_select())
                .get_result(tx.conn)?;
            Ok(User::from(row))
        })
        .await
    }

    pub(in crate::store) async fn user_delete(
        &self,
        id: i64,
        expected_version: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            check_version(tx, id, expected_version)?;
            diesel::delete(users::table.find(id)).execute(tx.conn)?;
            Ok(())
        })
        .await
    }

    /// Newest first.
    pub(in crate::store) async fn user_list(
        &self,
        filter: UserFilter,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        self.read(move |conn| {
            let mut query = users::table.select(UserRow::as_select()).into_boxed();
            if let Some(email) = &filter.email {
                query = query.filter(users::email_key.eq(email_key(email)));
            }
            if let Some(is_active) = filter.is_active {
                query = query.filter(users::is_active.eq(is_active));
            }
            if let Some(before) = before_id {
                query = query.filter(users::id.lt(before));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.order(users::id.desc()).limit(limit).load(conn)?;
            Ok(rows.into_iter().map(User::from).collect())
        })
        .await
    }

    /// Oldest first, after `after_id`: a page of all users.
    pub(in crate::store) async fn user_scan(
        &self,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError> {
        self.read(move |conn| {
            let rows: Vec<RecordRow> = users::table
                .filter(users::id.gt(after_id))
                .order(users::id)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(RecordRow::as_select())
                .load(conn)?;
            Ok(rows.into_iter().map(UserRecord::from).collect())
        })
        .await
    }

    /// Users whose job is still owed.
    pub(in crate::store) async fn users_without_job(
        &self,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError> {
        self.read(move |conn| {
            let rows: Vec<RecordRow> = users::table
                .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(OWED))
                .order(users::id)
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .select(RecordRow::as_select())
                .load(conn)?;
            Ok(rows.into_iter().map(UserRecord::from).collect())
        })
        .await
    }

    /// Enqueues an owed job. `None` when another was faster, or the user is gone.
    pub(in crate::store) async fn user_enqueue_missing(
        &self,
        id: i64,
        job: UserCreatedJob,
    ) -> Result<Option<i64>, StoreError> {
        let ageing = self.ageing;
        self.write(Lane::Rest, move |tx| {
            let owed = diesel::update(users::table.find(id))
                .filter(users::job_enqueued.eq(false))
                .set(users::job_enqueued.eq(true))
                .execute(tx.conn)?;
            if owed == 0 {
                return Ok(None);
            }
            insert(tx, &job(id), ageing).map(|enqueued| Some(enqueued.job.id))
        })
        .await
    }
}

/// PostgreSQL keeps none: whoever has one is not to fail with others.
fn has_nul(user: &NewUser) -> bool {
    let texts = [Some(&user.email), user.name.as_ref(), user.bio.as_ref()];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}

fn check_version(tx: &mut Tx<'_>, id: i64, expected: Option<i64>) -> Result<i64, StoreError> {
    let version: i64 = users::table
        .find(id)
        .select(users::version)
        .get_result(tx.conn)?;
    match expected {
        Some(expected) if expected != version => Err(StoreError::VersionMismatch),
        _ => Ok(version),
    }
}

/// The only unique key of a user is the address.
fn taken(error: diesel::result::Error) -> StoreError {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error};
    match error {
        Error::DatabaseError(UniqueViolation, _) => StoreError::EmailTaken,
        other => other.into(),
    }
}
