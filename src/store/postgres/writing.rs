//! Owns a connection for writing: what it has prepared, and what the server knows it as.
//! Must not know: what is written.

use diesel::connection::SimpleConnection;

use super::{
    ending::prepare,
    fate::Session,
    miss::Miss,
    settings::Settings,
    wrapper::{Conn, reopen},
};
use crate::store::StoreError;

/// A connection for writing.
pub(super) struct Writing {
    pub(super) conn: Conn,
    /// `None` also behind a pooler, where a session is somebody else's next.
    pub(super) session: Option<Session>,
}

impl Writing {
    /// The connection that is there, or another one.
    pub(super) fn in_place<'w>(
        place: &'w mut Option<Self>,
        settings: &Settings,
    ) -> Result<&'w mut Self, Miss> {
        let writing = match place.take() {
            Some(writing) => writing,
            None => Self::connect(settings).map_err(Miss::Lost)?,
        };
        Ok(place.insert(writing))
    }

    fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let mut conn = reopen(settings)?;
        let mut session = None;
        if settings.statement_cache {
            let writing = settings.writing_sql();
            conn.batch_execute(&format!("{writing} {}", prepare()))?;
            session = Session::of(&mut conn)?;
        }
        Ok(Self { conn, session })
    }
}
