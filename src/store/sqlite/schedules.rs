//! Owns schedules as rows: created, changed, paused, deleted.
//! Must not know: when they tick, or what a tick does (ticks.rs).

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    AsChangeset, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    RunQueryDsl, Selectable, SelectableHelper,
    sqlite::{Sqlite as Backend, SqliteConnection},
};

use super::{
    Sqlite,
    enqueue::last_id,
    idempotency::once,
    time::{micros, moment},
    writer::Tx,
};
use crate::{
    model::{Misfire, NewSchedule, Schedule, ScheduleChange, Timing},
    store::{Done, Once, StoreError, schedules::NextTick, schema::schedules},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = schedules, check_for_backend(Backend))]
struct Row {
    id: i64,
    name: String,
    job_type: String,
    payload: String,
    schema_fingerprint: String,
    options: String,
    cron: Option<String>,
    every_ms: Option<i64>,
    timezone: String,
    misfire: String,
    misfire_limit: i32,
    paused: bool,
    reason: Option<String>,
    next_at: Option<i64>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl From<Row> for Schedule {
    fn from(row: Row) -> Self {
        let timing = match (row.cron, row.every_ms) {
            (Some(expression), _) => Timing::Cron {
                expression,
                timezone: row.timezone,
            },
            (None, every) => {
                let every = u64::try_from(every.unwrap_or_default()).unwrap_or_default();
                Timing::Every(Duration::from_millis(every))
            }
        };
        // The table's CHECKs allow no other values.
        let misfire = Misfire::ALL
            .into_iter()
            .find(|misfire| misfire.as_str() == row.misfire);
        Self {
            id: row.id,
            name: row.name,
            job_type: row.job_type,
            payload: row.payload,
            schema_fingerprint: row.schema_fingerprint,
            options: row.options,
            timing,
            misfire: misfire.unwrap_or(Misfire::Once),
            misfire_limit: u32::try_from(row.misfire_limit).unwrap_or(1),
            paused: row.paused,
            reason: row.reason,
            next_at: row.next_at.map(moment),
            version: row.version,
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        }
    }
}

/// What callers choose.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = schedules)]
struct Values {
    name: String,
    payload: String,
    schema_fingerprint: String,
    options: String,
    misfire: &'static str,
    misfire_limit: i32,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = schedules, treat_none_as_null = true)]
struct TimingValues {
    cron: Option<String>,
    every_ms: Option<i64>,
    timezone: String,
}

impl From<Timing> for TimingValues {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::Cron {
                expression,
                timezone,
            } => Self {
                cron: Some(expression),
                every_ms: None,
                timezone,
            },
            Timing::Every(interval) => Self {
                cron: None,
                every_ms: Some(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)),
                timezone: "UTC".to_owned(),
            },
        }
    }
}

impl Sqlite {
    pub(in crate::store) async fn schedule_create(
        &self,
        schedule: NewSchedule,
        next: NextTick,
        key: Option<Once<Schedule>>,
    ) -> Result<Done<Schedule>, StoreError> {
        self.write(move |tx| once(tx, key, |tx| create(tx, schedule, next)))
            .await
    }

    pub(in crate::store) async fn schedule_get(
        &self,
        id: i64,
    ) -> Result<Option<Schedule>, StoreError> {
        self.read(move |conn| find(conn, id)).await
    }

    pub(in crate::store) async fn schedule_list(
        &self,
        before_id: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Schedule>, StoreError> {
        self.read(move |conn| {
            let mut query = schedules::table.select(Row::as_select()).into_boxed();
            if let Some(before) = before_id {
                query = query.filter(schedules::id.lt(before));
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<Row> = query.order(schedules::id.desc()).limit(limit).load(conn)?;
            Ok(rows.into_iter().map(Schedule::from).collect())
        })
        .await
    }

    pub(in crate::store) async fn schedule_update(
        &self,
        id: i64,
        change: ScheduleChange,
        expected_version: Option<i64>,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        self.write(move |tx| {
            check_version(tx, id, expected_version)?;
            touch(tx, id)?;
            let old = existing(tx, id)?;
            let values = Values {
                name: change.name.unwrap_or(old.name),
                payload: change.payload.unwrap_or(old.payload),
                schema_fingerprint: change.schema_fingerprint.unwrap_or(old.schema_fingerprint),
                options: change.options.unwrap_or(old.options),
                misfire: change.misfire.unwrap_or(old.misfire).as_str(),
                misfire_limit: number(change.misfire_limit.unwrap_or(old.misfire_limit)),
            };
            diesel::update(schedules::table.find(id))
                .set(values)
                .execute(tx.conn)
                .map_err(taken)?;
            match change.timing {
                None => existing(tx, id),
                Some(timing) => {
                    diesel::update(schedules::table.find(id))
                        .set(TimingValues::from(timing))
                        .execute(tx.conn)?;
                    set_next(tx, id, next)
                }
            }
        })
        .await
    }

    pub(in crate::store) async fn schedule_pause(
        &self,
        id: i64,
        reason: Option<String>,
    ) -> Result<Schedule, StoreError> {
        self.write(move |tx| {
            touch(tx, id)?;
            diesel::update(schedules::table.find(id))
                .set((schedules::paused.eq(true), schedules::reason.eq(reason)))
                .execute(tx.conn)?;
            existing(tx, id)
        })
        .await
    }

    pub(in crate::store) async fn schedule_resume(
        &self,
        id: i64,
        next: NextTick,
    ) -> Result<Schedule, StoreError> {
        self.write(move |tx| {
            let schedule = existing(tx, id)?;
            if !schedule.paused {
                return Ok(schedule);
            }
            touch(tx, id)?;
            diesel::update(schedules::table.find(id))
                .set((
                    schedules::paused.eq(false),
                    schedules::reason.eq(None::<String>),
                ))
                .execute(tx.conn)?;
            set_next(tx, id, next)
        })
        .await
    }

    pub(in crate::store) async fn schedule_delete(
        &self,
        id: i64,
        expected_version: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            check_version(tx, id, expected_version)?;
            diesel::delete(schedules::table.find(id)).execute(tx.conn)?;
            Ok(())
        })
        .await
    }
}

fn create(tx: &mut Tx<'_>, schedule: NewSchedule, next: NextTick) -> Result<Schedule, StoreError> {
    let values = Values {
        name: schedule.name,
        payload: schedule.payload,
        schema_fingerprint: schedule.schema_fingerprint,
        options: schedule.options,
        misfire: schedule.misfire.as_str(),
        misfire_limit: number(schedule.misfire_limit),
    };
    let now = micros(tx.now);
    diesel::insert_into(schedules::table)
        .values((
            values,
            TimingValues::from(schedule.timing),
            schedules::job_type.eq(schedule.job_type),
            schedules::created_at.eq(now),
            schedules::updated_at.eq(now),
        ))
        .execute(tx.conn)
        .map_err(taken)?;
    let id = last_id(tx)?;
    set_next(tx, id, next)
}

pub(super) fn find(conn: &mut SqliteConnection, id: i64) -> Result<Option<Schedule>, StoreError> {
    let row = schedules::table.find(id).select(Row::as_select());
    Ok(row.first(conn).optional()?.map(Schedule::from))
}

pub(super) fn existing(tx: &mut Tx<'_>, id: i64) -> Result<Schedule, StoreError> {
    find(tx.conn, id)?.ok_or(StoreError::NotFound)
}

pub(super) fn write_next(
    tx: &mut Tx<'_>,
    id: i64,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    diesel::update(schedules::table.find(id))
        .set(schedules::next_at.eq(next_at.map(micros)))
        .execute(tx.conn)?;
    Ok(())
}

/// Ticks come from now on. Whoever sleeps until the next tick looks again.
fn set_next(tx: &mut Tx<'_>, id: i64, next: NextTick) -> Result<Schedule, StoreError> {
    let mut schedule = existing(tx, id)?;
    schedule.next_at = next(&schedule, tx.now);
    write_next(tx, id, schedule.next_at)?;
    *tx.wake = true;
    Ok(schedule)
}

/// A caller changes it.
fn touch(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    let touched = diesel::update(schedules::table.find(id))
        .set((
            schedules::version.eq(schedules::version + 1),
            schedules::updated_at.eq(micros(tx.now)),
        ))
        .execute(tx.conn)?;
    if touched == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

fn check_version(tx: &mut Tx<'_>, id: i64, expected: Option<i64>) -> Result<(), StoreError> {
    let version: i64 = schedules::table
        .find(id)
        .select(schedules::version)
        .first(tx.conn)?;
    match expected {
        Some(expected) if expected != version => Err(StoreError::VersionMismatch),
        _ => Ok(()),
    }
}

fn number(limit: u32) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// The only unique key of a schedule is its name.
fn taken(error: diesel::result::Error) -> StoreError {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error};
    match error {
        Error::DatabaseError(UniqueViolation, _) => StoreError::NameTaken,
        other => other.into(),
    }
}
