//! Owns what jobs derive from users: profiles, sign-ups per day, statistics.
//! Must not know: the jobs.

use chrono::{Days, NaiveDate};
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, RunQueryDsl,
    sql_types::{BigInt, Double, Integer, Nullable, Text},
    upsert::excluded,
};

use super::{
    Conn, Engine, dialect,
    statement::statement,
    time::{micros, moment},
    tx::Lane,
};
use crate::{
    model::{AgeStatistics, UserProfile, UserStatistics},
    store::{
        StoreError,
        schema::{signup_stats, user_profiles, users},
    },
};

const DOMAINS: i64 = 100;
const DAYS: i64 = 366;

impl Engine {
    /// Stores the profile. True the first time, and only then is the sign-up counted, on its day. `NotFound` when the user is gone.
    pub(in crate::store) async fn user_profile_initialise(
        &self,
        profile: UserProfile,
    ) -> Result<bool, StoreError> {
        self.write(Lane::Rest, move |tx| {
            tx.alone()?;
            let id = profile.user_id;
            let signed_up = users::table.find(id).select(users::created_at);
            let signed_up = moment(signed_up.get_result(tx.conn)?);
            let known = user_profiles::table.find(id).select(user_profiles::user_id);
            let first = known.get_result::<i64>(tx.conn).optional()?.is_none();
            statement(
                "INSERT INTO user_profiles (user_id, hobby, location, score, other, initialised_at) \
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET hobby = excluded.hobby, \
                 location = excluded.location, score = excluded.score, other = excluded.other, \
                 initialised_at = excluded.initialised_at",
            )
            .int(id)
            .optional_text(profile.hobby.as_deref())
            .optional_text(profile.location.as_deref())
            .real(profile.score)
            .json(profile.other.as_deref())
            .at(micros(tx.now))
            .execute(tx.conn)?;
            if first {
                let day = i64::from(signed_up.date_naive().to_epoch_days());
                diesel::insert_into(signup_stats::table)
                    .values((signup_stats::day.eq(day), signup_stats::users.eq(1)))
                    .on_conflict(signup_stats::day)
                    .do_update()
                    .set(
                        signup_stats::users.eq(signup_stats::users + excluded(signup_stats::users)),
                    )
                    .execute(tx.conn)?;
            }
            Ok(first)
        })
        .await
    }

    pub(in crate::store) async fn user_profile_get(
        &self,
        user_id: i64,
    ) -> Result<Option<UserProfile>, StoreError> {
        self.read(move |conn| {
            type Row = (Option<String>, Option<String>, Option<f64>, Option<String>);
            let row: Option<Row> = user_profiles::table
                .find(user_id)
                .select((
                    user_profiles::hobby,
                    user_profiles::location,
                    user_profiles::score,
                    user_profiles::other,
                ))
                .get_result(conn)
                .optional()?;
            Ok(row.map(|(hobby, location, score, other)| UserProfile {
                user_id,
                hobby,
                location,
                score,
                other,
            }))
        })
        .await
    }

    /// Sign-ups per UTC day that had any, oldest first, the newest 366 of them.
    pub(in crate::store) async fn signup_counts(
        &self,
    ) -> Result<Vec<(NaiveDate, i64)>, StoreError> {
        self.read(signups).await
    }

    /// Reads all users: for a job, not for a request.
    pub(in crate::store) async fn user_statistics(&self) -> Result<UserStatistics, StoreError> {
        self.read(statistics).await
    }
}

fn signups(conn: &mut Conn) -> Result<Vec<(NaiveDate, i64)>, StoreError> {
    let mut rows: Vec<(i64, i64)> = signup_stats::table
        .order(signup_stats::day.desc())
        .limit(DAYS)
        .select((signup_stats::day, signup_stats::users))
        .load(conn)?;
    rows.reverse();
    Ok(rows
        .into_iter()
        .map(|(day, users)| (date(day), users))
        .collect())
}

fn date(day: i64) -> NaiveDate {
    NaiveDate::default() + Days::new(day.unsigned_abs())
}

#[derive(QueryableByName)]
struct Totals {
    #[diesel(sql_type = BigInt)]
    users: i64,
    #[diesel(sql_type = BigInt)]
    active: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    minimum: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    maximum: Option<i32>,
    #[diesel(sql_type = Nullable<Double>)]
    mean: Option<f64>,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    users: i64,
}

#[derive(QueryableByName)]
struct Day {
    #[diesel(sql_type = BigInt)]
    day: i64,
    #[diesel(sql_type = BigInt)]
    users: i64,
}

fn statistics(conn: &mut Conn) -> Result<UserStatistics, StoreError> {
    use diesel::Connection;
    // One snapshot for all queries.
    conn.transaction::<_, StoreError, _>(|conn| {
        dialect::snapshot(conn)?;
        let totals: Totals = statement(
            "SELECT count(*) AS users, count(*) FILTER (WHERE is_active) AS active, min(age) AS minimum, \
             max(age) AS maximum, CAST(avg(age) AS DOUBLE PRECISION) AS mean FROM users",
        )
        .get_result(conn)?;
        let domains: Vec<Counted> = statement(dialect::DOMAINS).int(DOMAINS).load(conn)?;
        let growth: Vec<Day> = statement(dialect::GROWTH).int(DAYS).load(conn)?;
        Ok(UserStatistics {
            users: totals.users,
            active_users: totals.active,
            age: ages(conn, &totals)?,
            domains: domains.into_iter().map(|row| (row.name, row.users)).collect(),
            growth: growth.into_iter().map(|row| (date(row.day), row.users)).collect(),
        })
    })
}

fn ages(conn: &mut Conn, totals: &Totals) -> Result<Option<AgeStatistics>, StoreError> {
    let (Some(minimum), Some(maximum), Some(mean)) = (totals.minimum, totals.maximum, totals.mean)
    else {
        return Ok(None);
    };
    let median: i32 = users::table
        .order(users::age)
        .offset((totals.users - 1) / 2)
        .select(users::age)
        .first(conn)?;
    Ok(Some(AgeStatistics {
        minimum,
        maximum,
        mean,
        median: f64::from(median),
    }))
}
