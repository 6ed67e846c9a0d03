#[allow(unused_imports)]
pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};
pub use crate::types;
#[derive(Clone, Debug)]
/**Client for Small

Version: 1.2.3*/
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
}
impl Client {
    pub fn new(baseurl: &str) -> Self {}
    pub fn new_with_client(baseurl: &str, client: reqwest::Client) -> Self {}
}
impl Client {
    pub fn enqueue_paint_thing(&self) -> builder::EnqueuePaintThing<'_> {}
    pub fn list_things(&self) -> builder::ListThings<'_> {}
    pub fn create_thing(&self) -> builder::CreateThing<'_> {}
    pub fn delete_thing(&self) -> builder::DeleteThing<'_> {}
}
/// Types for composing operation parameters.
#[allow(clippy::all)]
pub mod builder {
    /**Builder for [`Client::enqueue_paint_thing`]

[`Client::enqueue_paint_thing`]: super::Client::enqueue_paint_thing*/
    #[derive(Debug, Clone)]
    pub struct EnqueuePaintThing<'a> {
        client: &'a super::Client,
        body: Result<types::builder::PaintThing, String>,
    }
    impl<'a> EnqueuePaintThing<'a> {
        pub fn new(client: &'a super::Client) -> Self {}
        pub fn body<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<types::PaintThing>,
            <V as std::convert::TryInto<types::PaintThing>>::Error: std::fmt::Display,
        {}
        pub fn body_map<F>(mut self, f: F) -> Self
        where
            F: std::ops::FnOnce(
                types::builder::PaintThing,
            ) -> types::builder::PaintThing,
        {}
        pub async fn send(
            self,
        ) -> Result<ResponseValue<types::Thing>, Error<types::Error>> {}
    }
    /**Builder for [`Client::list_things`]

[`Client::list_things`]: super::Client::list_things*/
    #[derive(Debug, Clone)]
    pub struct ListThings<'a> {
        client: &'a super::Client,
        color: Result<Option<types::Color>, String>,
        limit: Result<Option<::std::num::NonZeroU32>, String>,
        page_token: Result<Option<::std::string::String>, String>,
    }
    impl<'a> ListThings<'a> {
        pub fn new(client: &'a super::Client) -> Self {}
        pub fn color<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<types::Color>,
        {}
        pub fn limit<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<::std::num::NonZeroU32>,
        {}
        pub fn page_token<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<::std::string::String>,
        {}
        pub async fn send(
            self,
        ) -> Result<ResponseValue<types::ThingPage>, Error<types::Error>> {}
        pub fn stream(
            self,
        ) -> impl futures::Stream<
            Item = Result<types::Thing, Error<types::Error>>,
        > + Unpin + 'a {}
    }
    /**Builder for [`Client::create_thing`]

[`Client::create_thing`]: super::Client::create_thing*/
    #[derive(Debug, Clone)]
    pub struct CreateThing<'a> {
        client: &'a super::Client,
        if_none_match: Result<Option<types::CreateThingIfNoneMatch>, String>,
        body: Result<types::builder::Thing, String>,
    }
    impl<'a> CreateThing<'a> {
        pub fn new(client: &'a super::Client) -> Self {}
        pub fn if_none_match<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<types::CreateThingIfNoneMatch>,
        {}
        pub fn body<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<types::Thing>,
            <V as std::convert::TryInto<types::Thing>>::Error: std::fmt::Display,
        {}
        pub fn body_map<F>(mut self, f: F) -> Self
        where
            F: std::ops::FnOnce(types::builder::Thing) -> types::builder::Thing,
        {}
        pub async fn send(
            self,
        ) -> Result<ResponseValue<types::Thing>, Error<types::Error>> {}
    }
    /**Builder for [`Client::delete_thing`]

[`Client::delete_thing`]: super::Client::delete_thing*/
    #[derive(Debug, Clone)]
    pub struct DeleteThing<'a> {
        client: &'a super::Client,
        id: Result<::std::num::NonZeroU64, String>,
    }
    impl<'a> DeleteThing<'a> {
        pub fn new(client: &'a super::Client) -> Self {}
        pub fn id<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<::std::num::NonZeroU64>,
        {}
        pub async fn send(self) -> Result<ResponseValue<()>, Error<types::Error>> {}
    }
}
