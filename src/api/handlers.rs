//! Owns which function answers which operation.
//! Must not know: how.

use super::{
    bulk,
    context::ApiContext,
    control, drift, enqueue, events, groups, health, jobs,
    operation::Input,
    operations::{self as op, Api},
    reply::Failure,
    schedules, users, work,
};

macro_rules! handlers {
    ($($operation:ident($marker:ident) -> $ok:ident = $module:ident;)*) => {
        impl Api for ApiContext {
            $(
                fn $operation(
                    &self,
                    input: Input<op::$marker>,
                ) -> impl Future<Output = Result<op::$ok, Failure>> + Send {
                    $module::$operation(self, input)
                }
            )*
        }
    };
}

handlers! {
    cancel_group(CancelGroup) -> CancelGroupOk = groups;
    cancel_job(CancelJob) -> CancelJobOk = jobs;
    cancel_jobs(CancelJobs) -> CancelJobsOk = bulk;
    claim_work(ClaimWork) -> ClaimWorkOk = work;
    create_group(CreateGroup) -> CreateGroupOk = groups;
    create_job(CreateJob) -> CreateJobOk = enqueue;
    create_jobs(CreateJobs) -> CreateJobsOk = bulk;
    create_schedule(CreateSchedule) -> CreateScheduleOk = schedules;
    create_user(CreateUser) -> CreateUserOk = users;
    delete_job(DeleteJob) -> DeleteJobOk = jobs;
    delete_jobs(DeleteJobs) -> DeleteJobsOk = bulk;
    delete_schedule(DeleteSchedule) -> DeleteScheduleOk = schedules;
    delete_user(DeleteUser) -> DeleteUserOk = users;
    explain_job(ExplainJob) -> ExplainJobOk = control;
    get_group(GetGroup) -> GetGroupOk = groups;
    get_drift(GetDrift) -> GetDriftOk = drift;
    get_health(GetHealth) -> GetHealthOk = health;
    get_job(GetJob) -> GetJobOk = jobs;
    get_job_stats(GetJobStats) -> GetJobStatsOk = jobs;
    get_liveness(GetLiveness) -> GetLivenessOk = health;
    get_readiness(GetReadiness) -> GetReadinessOk = health;
    get_schedule(GetSchedule) -> GetScheduleOk = schedules;
    get_user(GetUser) -> GetUserOk = users;
    get_version(GetVersion) -> GetVersionOk = health;
    heartbeat_work(HeartbeatWork) -> HeartbeatWorkOk = work;
    limit_job_type(LimitJobType) -> LimitJobTypeOk = control;
    limit_queue(LimitQueue) -> LimitQueueOk = control;
    list_events(ListEvents) -> ListEventsOk = events;
    list_groups(ListGroups) -> ListGroupsOk = groups;
    list_job_attempts(ListJobAttempts) -> ListJobAttemptsOk = jobs;
    list_job_types(ListJobTypes) -> ListJobTypesOk = control;
    list_jobs(ListJobs) -> ListJobsOk = jobs;
    list_queues(ListQueues) -> ListQueuesOk = control;
    list_schedule_runs(ListScheduleRuns) -> ListScheduleRunsOk = schedules;
    list_schedules(ListSchedules) -> ListSchedulesOk = schedules;
    list_users(ListUsers) -> ListUsersOk = users;
    list_workers(ListWorkers) -> ListWorkersOk = control;
    pause_job_type(PauseJobType) -> PauseJobTypeOk = control;
    pause_queue(PauseQueue) -> PauseQueueOk = control;
    pause_schedule(PauseSchedule) -> PauseScheduleOk = schedules;
    resume_job_type(ResumeJobType) -> ResumeJobTypeOk = control;
    resume_queue(ResumeQueue) -> ResumeQueueOk = control;
    resume_schedule(ResumeSchedule) -> ResumeScheduleOk = schedules;
    retry_job(RetryJob) -> RetryJobOk = jobs;
    retry_jobs(RetryJobs) -> RetryJobsOk = bulk;
    run_schedule(RunSchedule) -> RunScheduleOk = schedules;
    settle_work(SettleWork) -> SettleWorkOk = work;
    update_schedule(UpdateSchedule) -> UpdateScheduleOk = schedules;
    update_user(UpdateUser) -> UpdateUserOk = users;
}
