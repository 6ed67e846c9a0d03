//! Owns the event log as server-sent events. Beside the contract, whose operations answer JSON; `list_events` describes it.
//! Must not know: where the log is kept.
//!
//! A stream reads the log as fast as its reader takes it: at most two pages of it are in memory.

use std::{fmt::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use dropshot::{Body, HttpError, RequestContext};
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use slog::{info, warn};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::sleep,
};

use super::{
    context::ApiContext,
    events::{filter, place},
    extract::without_body,
    operations::ListEvents,
    reply::Failure,
};
use crate::{
    contract::wire_events,
    model::{EventFilter, EventPage, EventsFrom},
};

type Request = RequestContext<Arc<ApiContext>>;

/// Events that are read at once.
const PAGE: usize = 100;
/// A reader, or something between, may take a quiet connection for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Wait before the next try when the database does not answer.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn serve(request: Request) -> Result<Response<Body>, HttpError> {
    let context = Arc::clone(request.context());
    let begin = match begin(&context, &request).await {
        Ok(begin) => begin,
        Err(failure) => return Ok(failure.into_reply(&request.request_id).into_response()),
    };
    info!(context.log, "events are followed"; "request_id" => &request.request_id);
    let (out, mut parts) = channel(1);
    let response = Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no");
    let body = futures::stream::poll_fn(move |task| parts.poll_recv(task));
    let mut response = response.body(Body::wrap(StreamBody::new(body)))?;
    context
        .cors
        .allow(request.request.headers(), response.headers_mut());
    let stream = Stream {
        changes: context.store.changes(),
        context,
        out,
        from: begin.0,
        filter: begin.1,
    };
    tokio::spawn(stream.run());
    Ok(response)
}

/// What comes after the answer has begun is in the stream: the end of the log is looked up before.
async fn begin(
    context: &ApiContext,
    request: &Request,
) -> Result<(EventsFrom, EventFilter), Failure> {
    let (from, filter) = asked(context, request)?;
    if from != EventsFrom::Now {
        return Ok((from, filter));
    }
    let end = context.store.events(from, filter.clone(), 0).await?;
    Ok((EventsFrom::After(end.cursor), filter))
}

/// Where to begin, and which events. The parameters are those of `list_events`.
fn asked(context: &ApiContext, request: &Request) -> Result<(EventsFrom, EventFilter), Failure> {
    let (from, headers) = (
        request.request.remote_addr().ip(),
        request.request.headers(),
    );
    let uri = request.request.uri();
    let query = without_body::<ListEvents>(context, from, uri, headers)?.query;
    let after = query.after.map(|after| after.to_string());
    let after = place(after.as_deref(), EventsFrom::Now, "/query/after")?;
    let last = headers.get("last-event-id");
    let last = last.map(|last| String::from_utf8_lossy(last.as_bytes()).into_owned());
    let last = last.filter(|last| !last.is_empty());
    let from = place(last.as_deref(), after, "/header/Last-Event-ID")?;
    Ok((from, filter(query.job_type, query.job_id)))
}

/// One reader.
struct Stream {
    context: Arc<ApiContext>,
    changes: crate::store::Changes,
    out: Sender<Result<Frame<Bytes>, std::io::Error>>,
    from: EventsFrom,
    filter: EventFilter,
}

impl Stream {
    /// Until the reader is gone or the server stops.
    async fn run(mut self) {
        let context = Arc::clone(&self.context);
        tokio::select! {
            () = context.stopping.cancelled() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        // Also tells the reader at once that it is connected.
        let mut open = self.send("retry: 1000\n\n".to_owned()).await;
        while open {
            let read = self
                .context
                .store
                .events(self.from, self.filter.clone(), PAGE);
            let page = match read.await {
                Ok(page) => page,
                Err(error) => {
                    warn!(self.context.log, "cannot read the events"; "error" => %error);
                    sleep(AGAIN).await;
                    open = self
                        .send(": the database is unavailable\n\n".to_owned())
                        .await;
                    continue;
                }
            };
            self.from = EventsFrom::After(page.cursor);
            if page.gap || !page.events.is_empty() {
                open = self.send(text(&page)).await;
            }
            if !page.more {
                open = open && self.wait(&page).await;
            }
        }
    }

    /// For the next change, with heartbeats. False when the reader is gone.
    async fn wait(&mut self, page: &EventPage) -> bool {
        loop {
            tokio::select! {
                () = self.changes.changed() => return true,
                () = self.out.closed() => return false,
                () = sleep(HEARTBEAT) => {
                    // The id moves the reader over what did not pass its filters.
                    if !self.send(format!(": heartbeat\nid: {}\n\n", page.cursor)).await {
                        return false;
                    }
                }
            }
        }
    }

    async fn send(&self, text: String) -> bool {
        self.out.send(Ok(Frame::data(text.into()))).await.is_ok()
    }
}

fn text(page: &EventPage) -> String {
    let mut text = String::new();
    if page.gap {
        text.push_str("event: gap\ndata: {}\n\n");
    }
    for (cursor, event) in &page.events {
        // What does not fit the contract is left out: the rest must not wait for it.
        let Ok(event) = wire_events::event(*cursor, event) else {
            continue;
        };
        let data = serde_json::to_string(&event).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(text, "id: {cursor}\nevent: job\ndata: {data}\n\n");
    }
    text
}
