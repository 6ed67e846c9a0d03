//! Owns the handlers of groups.
//! Must not know: storage, or what a job does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    context::ApiContext,
    error::{invalid, not_found},
    idempotency,
    operation::{Input, Operation},
    operations::{
        CancelGroup, CancelGroupOk, CreateGroup, CreateGroupOk, GetGroup, GetGroupOk, ListGroups,
        ListGroupsOk,
    },
    page::{self, Page},
    reply::Failure,
    users::{row, unknown},
};
use crate::{
    contract::{self, types, wire_groups},
    model::{Enqueued, JobGroup},
};

pub(super) async fn create_group(
    context: &ApiContext,
    input: Input<CreateGroup>,
) -> Result<CreateGroupOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let check = |schema: &str, value: &Value, at: &str| context.validator.check(schema, value, at);
    let group = contract::group_of(input.body, &input.json, check).map_err(invalid)?;
    let answer = |(group, jobs): &(JobGroup, Vec<Enqueued>)| {
        let location = format!("/groups/{}", group.id);
        let body = wire_groups::created(group, jobs)?;
        Ok(CreateGroupOk::created(&body, location).into())
    };
    let store = |once| context.store.group_create(group, once);
    let reply = idempotency::once(context, input.key, "/body/jobs", answer, store);
    Ok(reply.await?.into())
}

pub(super) async fn get_group(
    context: &ApiContext,
    input: Input<GetGroup>,
) -> Result<GetGroupOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let group = context.store.group_get(id).await?.ok_or_else(not_found)?;
    Ok(GetGroupOk::ok(&wire_groups::group(&group)?))
}

/// Groups are not filtered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct All;

impl page::Filter for All {
    const LIST: &'static str = ListGroups::ID;
}

pub(super) async fn list_groups(
    context: &ApiContext,
    input: Input<ListGroups>,
) -> Result<ListGroupsOk, Failure> {
    let page = Page::asked(All, input.query.page_token.as_deref())?;
    let limit = usize::try_from(input.query.limit.get()).unwrap_or(usize::MAX);
    let mut groups = context.store.group_list(page.before, limit + 1).await?;
    let next_page = page.cut(&mut groups, limit, |group| group.id);
    let items = groups
        .iter()
        .map(wire_groups::group)
        .collect::<Result<_, _>>()?;
    Ok(ListGroupsOk::ok(&types::JobGroupPage { items, next_page }))
}

pub(super) async fn cancel_group(
    context: &ApiContext,
    input: Input<CancelGroup>,
) -> Result<CancelGroupOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let group = context.store.group_cancel(id).await?;
    Ok(CancelGroupOk::ok(&wire_groups::group(&group)?))
}
