//! Owns the handlers of users.
//! Must not know: storage, or what a user's job does.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    context::ApiContext,
    error::{invalid, not_found},
    etag::{Expected, etag, expected},
    idempotency,
    operation::{Input, Operation},
    operations::{
        CreateUser, CreateUserOk, DeleteUser, DeleteUserOk, GetUser, GetUserOk, ListUsers,
        ListUsersOk, UpdateUser, UpdateUserOk,
    },
    page::{self, Page},
    reply::Failure,
};
use crate::{
    contract::{types, wire},
    model::{Fault, NewUser, UserChange, UserFilter},
    processors::user_created,
    store::{Done, StoreError, UserCreated},
};

pub(super) async fn create_user(
    context: &ApiContext,
    input: Input<CreateUser>,
) -> Result<CreateUserOk, Failure> {
    let request = input.body;
    let user = NewUser {
        email: request.email.into(),
        age: request.age.0,
        name: request.name.map(Into::into),
        bio: request.bio.map(Into::into),
        is_active: request.is_active,
        additional_data: input
            .additional
            .map(|properties| Value::Object(properties).to_string()),
    };
    let job = user_created::job_for(&user);
    let metrics = context.metrics.clone();
    let answer = move |created: &UserCreated| {
        let user = &created.user;
        let (body, location) = (wire::user(user.clone())?, format!("/users/{}", user.id));
        Ok(CreateUserOk::created(&body, etag(user.version), location).into())
    };
    let reply = idempotency::once(context, input.key, "/body", answer, |once| async {
        let done = context.store.user_create_once(user, job, once).await;
        if matches!(&done, Ok(Done::Now(UserCreated { job_id: None, .. }))) {
            metrics.enqueue_failed();
        }
        done
    });
    Ok(reply.await?.into())
}

pub(super) async fn get_user(
    context: &ApiContext,
    input: Input<GetUser>,
) -> Result<GetUserOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let user = context.store.user_get(id).await?.ok_or_else(not_found)?;
    let version = etag(user.version);
    Ok(GetUserOk::ok(&wire::user(user)?, version))
}

pub(super) async fn update_user(
    context: &ApiContext,
    input: Input<UpdateUser>,
) -> Result<UpdateUserOk, Failure> {
    if let Some(additional) = input.additional {
        return Err(unknown(&additional, "/body"));
    }
    let id = row(input.path.id).ok_or_else(not_found)?;
    let if_match = input.header.if_match.as_deref().map(String::as_str);
    let version = version(context, id, if_match).await?;
    let patch = input.body;
    let cleared = |name: &str| {
        input
            .json
            .get(name)
            .is_some_and(Value::is_null)
            .then_some(None)
    };
    let change = UserChange {
        email: patch.email.map(Into::into),
        age: patch.age.map(|age| age.0),
        name: patch
            .name
            .map(|name| Some(name.into()))
            .or_else(|| cleared("name")),
        bio: patch
            .bio
            .map(|bio| Some(bio.into()))
            .or_else(|| cleared("bio")),
        is_active: patch.is_active,
    };
    let user = context.store.user_update(id, change, version).await?;
    let version = etag(user.version);
    Ok(UpdateUserOk::ok(&wire::user(user)?, version))
}

pub(super) async fn delete_user(
    context: &ApiContext,
    input: Input<DeleteUser>,
) -> Result<DeleteUserOk, Failure> {
    let id = row(input.path.id).ok_or_else(not_found)?;
    let if_match = input.header.if_match.as_deref().map(String::as_str);
    let version = version(context, id, if_match).await?;
    context.store.user_delete(id, version).await?;
    Ok(DeleteUserOk::no_content())
}

/// The filters of a list of users, as its page tokens carry them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Filter {
    email: Option<String>,
    is_active: Option<bool>,
}

impl page::Filter for Filter {
    const LIST: &'static str = ListUsers::ID;
}

pub(super) async fn list_users(
    context: &ApiContext,
    input: Input<ListUsers>,
) -> Result<ListUsersOk, Failure> {
    let query = input.query;
    let filter = Filter {
        email: query.email.map(Into::into),
        is_active: query.is_active,
    };
    let page = Page::asked(filter, query.page_token.as_deref())?;
    let filter = UserFilter {
        email: page.filter.email.clone(),
        is_active: page.filter.is_active,
    };
    let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
    let users = context.store.user_list(filter, page.before, limit + 1);
    let mut users = users.await?;
    let next_page = page.cut(&mut users, limit, |user| user.id);
    let items = users
        .into_iter()
        .map(wire::user)
        .collect::<Result<_, _>>()?;
    Ok(ListUsersOk::ok(&types::UserPage { items, next_page }))
}

/// The version that a change must find; `None` when any will do. Of several, the one that is stored now: should it
/// change until then, the store refuses.
async fn version(
    context: &ApiContext,
    id: i64,
    if_match: Option<&str>,
) -> Result<Option<i64>, Failure> {
    let versions = match expected(if_match)? {
        Expected::Any => return Ok(None),
        Expected::OneOf(versions) => versions,
    };
    if let [only] = versions[..] {
        return Ok(Some(only));
    }
    let user = context.store.user_get(id).await?.ok_or_else(not_found)?;
    if versions.contains(&user.version) {
        Ok(Some(user.version))
    } else {
        Err(StoreError::VersionMismatch.into())
    }
}

/// The row that an id of the wire names; `None` beyond what a row can have.
pub(super) fn row(id: NonZeroU64) -> Option<i64> {
    i64::try_from(id.get()).ok()
}

/// Flexible mode lets unknown properties through; an operation without a place for them refuses them.
pub(super) fn unknown(additional: &Map<String, Value>, at: &str) -> Failure {
    let faults = additional.keys().map(|name| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        Fault::new(pointer, format!("{name} is not a known property"))
    });
    invalid(faults.collect())
}
