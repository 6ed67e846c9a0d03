///`Color`
#[derive(
    ::serde::Deserialize,
    ::serde::Serialize,
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd
)]
pub enum Color {
    #[serde(rename = "red")]
    Red,
    #[serde(rename = "dark_green")]
    DarkGreen,
}
///What `create_thing` takes in the header.
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
pub struct CreateThingHeader {
    #[serde(
        rename = "If-None-Match",
        skip_serializing_if = "::std::option::Option::is_none"
    )]
    pub if_none_match: ::std::option::Option<CreateThingHeaderIfNoneMatch>,
}
impl CreateThingHeader {
    pub fn builder() -> builder::CreateThingHeader {}
}
///`CreateThingHeaderIfNoneMatch`
#[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct CreateThingHeaderIfNoneMatch(::std::string::String);
///`CreateThingIfNoneMatch`
#[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct CreateThingIfNoneMatch(::std::string::String);
///What `delete_thing` takes in the path.
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
pub struct DeleteThingPath {
    pub id: ::std::num::NonZeroU64,
}
impl DeleteThingPath {
    pub fn builder() -> builder::DeleteThingPath {}
}
///What went wrong.
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
pub struct Error {
    pub message: ErrorMessage,
}
impl Error {
    pub fn builder() -> builder::Error {}
}
///`ErrorMessage`
#[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct ErrorMessage(::std::string::String);
///What `list_things` takes in the query.
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
pub struct ListThingsQuery {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub color: ::std::option::Option<Color>,
    #[serde(default = "defaults::default_nzu64::<::std::num::NonZeroU32, 10>")]
    pub limit: ::std::num::NonZeroU32,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub page_token: ::std::option::Option<::std::string::String>,
}
impl ListThingsQuery {
    pub fn builder() -> builder::ListThingsQuery {}
}
///`Name`
#[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct Name(::std::string::String);
///`Owner`
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
pub struct Owner {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<Name>,
}
impl Owner {
    pub fn builder() -> builder::Owner {}
}
///`PaintThing`
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PaintThing {
    pub color: Color,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub owner: ::std::option::Option<Owner>,
}
impl PaintThing {
    pub fn builder() -> builder::PaintThing {}
}
///`Painted`
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default, PartialEq)]
pub struct Painted {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub coats: ::std::option::Option<i32>,
}
impl Painted {
    pub fn builder() -> builder::Painted {}
}
///A thing.
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Thing {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub color: ::std::option::Option<Color>,
    #[serde(default, skip_serializing_if = "::serde_json::Map::is_empty")]
    pub extra: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    pub id: ::std::num::NonZeroU64,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub made_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    pub name: Name,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub note: ::std::option::Option<ThingNote>,
    #[serde(default = "defaults::default_bool::<true>")]
    pub solid: bool,
    #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
    pub tags: ::std::vec::Vec<Name>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub weight: ::std::option::Option<f64>,
}
impl Thing {
    pub fn builder() -> builder::Thing {}
}
///`ThingNote`
#[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(transparent)]
pub struct ThingNote(::std::string::String);
///`ThingPage`
#[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, PartialEq)]
pub struct ThingPage {
    pub items: ::std::vec::Vec<Thing>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub next_page: ::std::option::Option<::std::string::String>,
}
impl ThingPage {
    pub fn builder() -> builder::ThingPage {}
}
