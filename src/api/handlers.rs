//! Owns which function answers which operation.
//! Must not know: how.

use super::{
    bulk,
    context::ApiContext,
    enqueue, events, groups, health, jobs,
    operation::Input,
    operations::{self as op, Api},
    reply::Failure,
    schedules, users,
};

macro_rules! handlers {
    ($($operation:ident($marker:ident) -> $ok:ident = $module:ident;)*) => {
        impl Api for ApiContext {
            $(
                async fn $operation(&self, input: Input<op::$marker>) -> Result<op::$ok, Failure> {
                    $module::$operation(self, input).await
                }
            )*
        }
    };
}

handlers! {
    cancel_group(CancelGroup) -> CancelGroupOk = groups;
    cancel_job(CancelJob) -> CancelJobOk = jobs;
    cancel_jobs(CancelJobs) -> CancelJobsOk = bulk;
    create_group(CreateGroup) -> CreateGroupOk = groups;
    create_job(CreateJob) -> CreateJobOk = enqueue;
    create_jobs(CreateJobs) -> CreateJobsOk = bulk;
    create_schedule(CreateSchedule) -> CreateScheduleOk = schedules;
    create_user(CreateUser) -> CreateUserOk = users;
    delete_job(DeleteJob) -> DeleteJobOk = jobs;
    delete_jobs(DeleteJobs) -> DeleteJobsOk = bulk;
    delete_schedule(DeleteSchedule) -> DeleteScheduleOk = schedules;
    delete_user(DeleteUser) -> DeleteUserOk = users;
    get_group(GetGroup) -> GetGroupOk = groups;
    get_health(GetHealth) -> GetHealthOk = health;
    get_job(GetJob) -> GetJobOk = jobs;
    get_job_stats(GetJobStats) -> GetJobStatsOk = jobs;
    get_liveness(GetLiveness) -> GetLivenessOk = health;
    get_readiness(GetReadiness) -> GetReadinessOk = health;
    get_schedule(GetSchedule) -> GetScheduleOk = schedules;
    get_user(GetUser) -> GetUserOk = users;
    get_version(GetVersion) -> GetVersionOk = health;
    list_events(ListEvents) -> ListEventsOk = events;
    list_groups(ListGroups) -> ListGroupsOk = groups;
    list_job_attempts(ListJobAttempts) -> ListJobAttemptsOk = jobs;
    list_job_types(ListJobTypes) -> ListJobTypesOk = jobs;
    list_jobs(ListJobs) -> ListJobsOk = jobs;
    list_schedule_runs(ListScheduleRuns) -> ListScheduleRunsOk = schedules;
    list_schedules(ListSchedules) -> ListSchedulesOk = schedules;
    list_users(ListUsers) -> ListUsersOk = users;
    pause_schedule(PauseSchedule) -> PauseScheduleOk = schedules;
    resume_schedule(ResumeSchedule) -> ResumeScheduleOk = schedules;
    retry_job(RetryJob) -> RetryJobOk = jobs;
    retry_jobs(RetryJobs) -> RetryJobsOk = bulk;
    run_schedule(RunSchedule) -> RunScheduleOk = schedules;
    update_schedule(UpdateSchedule) -> UpdateScheduleOk = schedules;
    update_user(UpdateUser) -> UpdateUserOk = users;
}
