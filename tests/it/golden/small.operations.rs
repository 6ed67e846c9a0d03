use super::{
    context::ApiContext, document::{Holder, Place},
    enqueue::{EnqueueOperation, enqueue},
    operation::{Failed, Input, Operation, answer},
    reply::{Failure, Reply},
};
#[allow(unused_imports, reason = "job types may offer no options")]
use crate::contract::Chosen;
use crate::{
    contract::{jobs, types},
    queue::EnqueueOptions,
};
/// Stand-ins for the wire types in the document that Dropshot emits: each returns its schema as written.
pub mod schema {
    super::super::document::schemas!(
        Color, Error, Name, Owner, PaintThing, Painted, Thing, ThingPage
    );
}
/// `POST /things`: Store a thing
#[derive(Debug)]
pub(crate) struct CreateThing;
impl Operation for CreateThing {
    const ID: &'static str = "create_thing";
    const SECURED: bool = true;
    const SAFE: bool = false;
    const HAS_BODY: bool = true;
    const IDEMPOTENT: bool = false;
    const ERRORS: &'static [u16] = &[400u16];
    type Path = serde::de::IgnoredAny;
    type Query = serde::de::IgnoredAny;
    type Header = types::CreateThingHeader;
    type Body = types::Thing;
    type Success = CreateThingOk;
    type Error = schema::Error;
    fn parameters() -> Vec<dropshot::ApiEndpointParameter> {
        #[allow(unused_mut, reason = "an operation may have none")]
        let mut parameters = Vec::new();
        parameters.extend(Place::<CreateThing, dropshot::Header<Holder>>::parameters());
        parameters.extend(super::document::body::<schema::Thing>());
        parameters
    }
    fn response() -> dropshot::ApiEndpointResponse {
        super::document::response::<
            dropshot::HttpResponseHeaders<
                dropshot::HttpResponseOk<schema::Thing>,
                super::document::Headers<CreateThing>,
            >,
        >(201u16, "Stored.")
    }
}
/// Success of the operation.
#[derive(Debug)]
pub(crate) struct CreateThingOk(Reply);
impl CreateThingOk {
    /// 201: Stored.
    pub(crate) fn created(body: &types::Thing, location: &str) -> Self {
        Self(
            Reply::json(201u16, body)
                .header(const { http::HeaderName::from_static("location") }, location),
        )
    }
}
/// An answer that was given before.
impl From<Reply> for CreateThingOk {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}
impl From<CreateThingOk> for Reply {
    fn from(ok: CreateThingOk) -> Self {
        ok.0
    }
}
/// `DELETE /things/{id}`: Delete a thing
#[derive(Debug)]
pub(crate) struct DeleteThing;
impl Operation for DeleteThing {
    const ID: &'static str = "delete_thing";
    const SECURED: bool = true;
    const SAFE: bool = false;
    const HAS_BODY: bool = false;
    const IDEMPOTENT: bool = false;
    const ERRORS: &'static [u16] = &[400u16];
    type Path = types::DeleteThingPath;
    type Query = serde::de::IgnoredAny;
    type Header = serde::de::IgnoredAny;
    type Body = serde::de::IgnoredAny;
    type Success = DeleteThingOk;
    type Error = schema::Error;
    fn parameters() -> Vec<dropshot::ApiEndpointParameter> {
        #[allow(unused_mut, reason = "an operation may have none")]
        let mut parameters = Vec::new();
        parameters.extend(Place::<DeleteThing, dropshot::Path<Holder>>::parameters());
        parameters
    }
    fn response() -> dropshot::ApiEndpointResponse {
        super::document::response::<dropshot::HttpResponseDeleted>(204u16, "Gone.")
    }
}
/// Success of the operation.
#[derive(Debug)]
pub(crate) struct DeleteThingOk(Reply);
impl DeleteThingOk {
    /// 204: Gone.
    pub(crate) fn no_content() -> Self {
        Self(Reply::empty(204u16))
    }
}
/// An answer that was given before.
impl From<Reply> for DeleteThingOk {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}
impl From<DeleteThingOk> for Reply {
    fn from(ok: DeleteThingOk) -> Self {
        ok.0
    }
}
/// `POST /enqueue/paint_thing`: Enqueue a paint_thing job
#[derive(Debug)]
pub(crate) struct EnqueuePaintThing;
impl Operation for EnqueuePaintThing {
    const ID: &'static str = "enqueue_paint_thing";
    const SECURED: bool = true;
    const SAFE: bool = false;
    const HAS_BODY: bool = true;
    const IDEMPOTENT: bool = false;
    const ERRORS: &'static [u16] = &[400u16];
    type Path = serde::de::IgnoredAny;
    type Query = serde::de::IgnoredAny;
    type Header = serde::de::IgnoredAny;
    type Body = types::PaintThing;
    type Success = EnqueuePaintThingOk;
    type Error = schema::Error;
    fn parameters() -> Vec<dropshot::ApiEndpointParameter> {
        #[allow(unused_mut, reason = "an operation may have none")]
        let mut parameters = Vec::new();
        parameters.extend(super::document::body::<schema::PaintThing>());
        parameters
    }
    fn response() -> dropshot::ApiEndpointResponse {
        super::document::response::<
            dropshot::HttpResponseOk<schema::Thing>,
        >(201u16, "Stored.")
    }
}
/// Success of the operation.
#[derive(Debug)]
pub(crate) struct EnqueuePaintThingOk(Reply);
impl EnqueuePaintThingOk {
    /// 201: Stored.
    pub(crate) fn created(body: &types::Thing) -> Self {
        Self(Reply::json(201u16, body))
    }
}
/// An answer that was given before.
impl From<Reply> for EnqueuePaintThingOk {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}
impl From<EnqueuePaintThingOk> for Reply {
    fn from(ok: EnqueuePaintThingOk) -> Self {
        ok.0
    }
}
impl EnqueueOperation for EnqueuePaintThing {
    type Job = jobs::PaintThing;
    #[allow(
        unused_variables,
        unused_mut,
        clippy::field_reassign_with_default,
        reason = "a type may offer none"
    )]
    fn options(query: Self::Query) -> EnqueueOptions {
        let mut options = EnqueueOptions::default();
        options
    }
    #[allow(unused_variables, reason = "a type may answer without a Location")]
    fn created(job: &types::EnqueuedJob, location: &str) -> EnqueuePaintThingOk {
        EnqueuePaintThingOk::created(job)
    }
    fn found(job: &types::EnqueuedJob) -> EnqueuePaintThingOk {
        EnqueuePaintThingOk::created(job)
    }
}
/// `GET /things`: List things
#[derive(Debug)]
pub(crate) struct ListThings;
impl Operation for ListThings {
    const ID: &'static str = "list_things";
    const SECURED: bool = false;
    const SAFE: bool = true;
    const HAS_BODY: bool = false;
    const IDEMPOTENT: bool = false;
    const ERRORS: &'static [u16] = &[400u16];
    type Path = serde::de::IgnoredAny;
    type Query = types::ListThingsQuery;
    type Header = serde::de::IgnoredAny;
    type Body = serde::de::IgnoredAny;
    type Success = ListThingsOk;
    type Error = schema::Error;
    fn parameters() -> Vec<dropshot::ApiEndpointParameter> {
        #[allow(unused_mut, reason = "an operation may have none")]
        let mut parameters = Vec::new();
        parameters.extend(Place::<ListThings, dropshot::Query<Holder>>::parameters());
        parameters
    }
    fn extension() -> dropshot::ExtensionMode {
        dropshot::ExtensionMode::Paginated(serde_json::json!({ "required" : [] }))
    }
    fn response() -> dropshot::ApiEndpointResponse {
        super::document::response::<
            dropshot::HttpResponseOk<schema::ThingPage>,
        >(200u16, "A page.")
    }
}
/// Success of the operation.
#[derive(Debug)]
pub(crate) struct ListThingsOk(Reply);
impl ListThingsOk {
    /// 200: A page.
    pub(crate) fn ok(body: &types::ThingPage) -> Self {
        Self(Reply::json(200u16, body))
    }
}
/// An answer that was given before.
impl From<Reply> for ListThingsOk {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}
impl From<ListThingsOk> for Reply {
    fn from(ok: ListThingsOk) -> Self {
        ok.0
    }
}
/// What the contract asks of the server: one method per operation. A new operation does not compile without.
pub(crate) trait Api {
    /// `POST /things`
    fn create_thing(
        &self,
        input: Input<CreateThing>,
    ) -> impl Future<Output = Result<CreateThingOk, Failure>> + Send;
    /// `DELETE /things/{id}`
    fn delete_thing(
        &self,
        input: Input<DeleteThing>,
    ) -> impl Future<Output = Result<DeleteThingOk, Failure>> + Send;
    /// `GET /things`
    fn list_things(
        &self,
        input: Input<ListThings>,
    ) -> impl Future<Output = Result<ListThingsOk, Failure>> + Send;
}
/// Every operation of the contract.
pub(super) fn register(
    description: &mut dropshot::ApiDescription<std::sync::Arc<ApiContext>>,
) -> Result<(), dropshot::ApiDescriptionRegisterError> {
    description
        .register(
            super::operation::endpoint::<
                CreateThing,
            >(
                dropshot::ApiEndpoint::new(
                        "create_thing".to_owned(),
                        |
                            request: dropshot::RequestContext<
                                std::sync::Arc<ApiContext>,
                            >,
                            received: super::extract::Received<CreateThing>|
                        {
                            answer(
                                request,
                                received,
                                |context, input| async move {
                                    Api::create_thing(&*context, input).await
                                },
                            )
                        },
                        http::Method::POST,
                        dropshot::CONTENT_TYPE_JSON,
                        "/things",
                        dropshot::ApiEndpointVersions::All,
                    )
                    .summary("Store a thing")
                    .description("Two lines,\n- and a list.")
                    .tag("things"),
            ),
        )?;
    description
        .register(
            super::operation::endpoint::<
                DeleteThing,
            >(
                dropshot::ApiEndpoint::new(
                        "delete_thing".to_owned(),
                        |
                            request: dropshot::RequestContext<
                                std::sync::Arc<ApiContext>,
                            >,
                            received: super::extract::Received<DeleteThing>|
                        {
                            answer(
                                request,
                                received,
                                |context, input| async move {
                                    Api::delete_thing(&*context, input).await
                                },
                            )
                        },
                        http::Method::DELETE,
                        dropshot::CONTENT_TYPE_JSON,
                        "/things/{id}",
                        dropshot::ApiEndpointVersions::All,
                    )
                    .summary("Delete a thing")
                    .description("For good.")
                    .tag("things"),
            ),
        )?;
    description
        .register(
            super::operation::endpoint::<
                EnqueuePaintThing,
            >(
                dropshot::ApiEndpoint::new(
                        "enqueue_paint_thing".to_owned(),
                        |
                            request: dropshot::RequestContext<
                                std::sync::Arc<ApiContext>,
                            >,
                            received: super::extract::Received<EnqueuePaintThing>|
                        {
                            answer(
                                request,
                                received,
                                |context, input| async move {
                                    enqueue::<EnqueuePaintThing>(&context, input).await
                                },
                            )
                        },
                        http::Method::POST,
                        dropshot::CONTENT_TYPE_JSON,
                        "/enqueue/paint_thing",
                        dropshot::ApiEndpointVersions::All,
                    )
                    .summary("Enqueue a paint_thing job")
                    .description("Paints a thing.")
                    .tag("enqueue"),
            ),
        )?;
    description
        .register(
            super::operation::endpoint::<
                ListThings,
            >(
                dropshot::ApiEndpoint::new(
                        "list_things".to_owned(),
                        |
                            request: dropshot::RequestContext<
                                std::sync::Arc<ApiContext>,
                            >,
                            received: super::extract::Received<ListThings>|
                        {
                            answer(
                                request,
                                received,
                                |context, input| async move {
                                    Api::list_things(&*context, input).await
                                },
                            )
                        },
                        http::Method::GET,
                        dropshot::CONTENT_TYPE_JSON,
                        "/things",
                        dropshot::ApiEndpointVersions::All,
                    )
                    .summary("List things")
                    .description("All of them.")
                    .tag("things"),
            ),
        )?;
    Ok(())
}
/// What a browser asks before a page's script may call: OPTIONS of every path.
pub(super) fn register_preflights(
    description: &mut dropshot::ApiDescription<std::sync::Arc<ApiContext>>,
) -> Result<(), dropshot::ApiDescriptionRegisterError> {
    description.register(super::unpublished::preflight::<CreateThing>("/things"))?;
    description.register(super::unpublished::preflight::<DeleteThing>("/things/{id}"))?;
    description
        .register(
            super::unpublished::preflight::<EnqueuePaintThing>("/enqueue/paint_thing"),
        )?;
    Ok(())
}
