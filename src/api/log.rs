//! Owns what of Dropshot's own log is let through. It names the URI with each request, and the query has addresses in
//! it. Must not know: our own lines.

use std::fmt;

use slog::{Drain, KV, Key, Logger, Never, OwnedKV, OwnedKVList, Record, Serializer, o};

/// A log that leaves the key `uri` out, wherever it comes from.
#[derive(Debug)]
pub(super) struct WithoutUri(pub(super) Logger);

impl Drain for WithoutUri {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let mut kept = Kept(Vec::new());
        // A value that cannot be written as text is not worth losing the line.
        let _ = values.serialize(record, &mut kept);
        self.0.new(o!(OwnedKV(kept))).log(record);
        Ok(())
    }
}

/// The other keys, as text.
struct Kept(Vec<(Key, String)>);

impl Serializer for Kept {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        if key != "uri" {
            self.0.push((key, value.to_string()));
        }
        Ok(())
    }
}

impl KV for Kept {
    fn serialize(&self, _: &Record<'_>, serializer: &mut dyn Serializer) -> slog::Result {
        self.0
            .iter()
            .try_for_each(|(key, value)| serializer.emit_str(key.clone(), value))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use slog::warn;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_stays_and_the_uri_goes() {
        let written = Written::default();
        let drain = Mutex::new(slog_json::Json::default(written.clone())).fuse();
        let outer = Logger::root(drain, o!("component" => "dropshot"));
        let log = Logger::root(WithoutUri(outer), o!());
        let log = log.new(o!("uri" => "/users?email=ada@example.com", "req_id" => "7"));
        warn!(log, "client disconnected"; "latency_us" => 12);
        let line = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!line.contains("ada@"), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["msg"], "client disconnected");
        assert_eq!(
            (&line["req_id"], &line["component"]),
            (&"7".into(), &"dropshot".into())
        );
        assert_eq!(line["latency_us"], 12);
    }
}
