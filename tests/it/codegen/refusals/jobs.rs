//! Job declarations that declare nothing sensible.

use super::Case;

pub(super) const JOBS: &[Case] = &[
    (
        "  /enqueue/paint_thing:",
        "  /enqueue/paint:",
        "/paths/~1enqueue~1paint/post",
        "enqueue_paint",
    ),
    (
        "  /enqueue/paint_thing:",
        "  /queue/paint_thing:",
        "/paths/~1queue~1paint_thing/post/x-job",
        "/enqueue/",
    ),
    (
        "        queue: slow\n",
        "",
        "/paths/~1enqueue~1paint_thing/post/x-job",
        "missing field `queue`",
    ),
    (
        "        queue: slow\n",
        "        queue: Slow!\n",
        "/paths/~1enqueue~1paint_thing/post/x-job/queue",
        "snake_case",
    ),
    (
        "        priority: -2",
        "        priorty: -2",
        "/paths/~1enqueue~1paint_thing/post/x-job",
        "unknown field `priorty`",
    ),
    (
        "        priority: -2",
        "        priority: 1001",
        "/paths/~1enqueue~1paint_thing/post/x-job/priority",
        "outside -1000 to 1000",
    ),
    (
        "max_retries: 3",
        "max_retries: -1",
        "/paths/~1enqueue~1paint_thing/post/x-job/max_retries",
        "outside",
    ),
    (
        "timeout_seconds: 60",
        "timeout_seconds: 0",
        "/paths/~1enqueue~1paint_thing/post/x-job/timeout_seconds",
        "outside",
    ),
    (
        "kind: exponential",
        "kind: quadratic",
        "/paths/~1enqueue~1paint_thing/post/x-job",
        "unknown variant",
    ),
    (
        "cap_seconds: 3600",
        "cap_seconds: 1",
        "/paths/~1enqueue~1paint_thing/post/x-job/backoff/cap_seconds",
        "below base_seconds",
    ),
    (
        "jitter: 0.5",
        "jitter: 1.5",
        "/paths/~1enqueue~1paint_thing/post/x-job/backoff/jitter",
        "outside 0 to 1",
    ),
    (
        "completed_seconds: 86400",
        "completed_seconds: 0",
        "/paths/~1enqueue~1paint_thing/post/x-job/retention/completed_seconds",
        "outside",
    ),
    (
        "- /owner/name",
        "- /owner/nam",
        "/paths/~1enqueue~1paint_thing/post/x-job/sensitive/0",
        "`nam` is not declared",
    ),
    (
        "- /owner/name",
        "- owner",
        "/paths/~1enqueue~1paint_thing/post/x-job/sensitive/0",
        "no JSON pointer",
    ),
    (
        "result: '#/components/schemas/Painted'",
        "result: Painted",
        "/paths/~1enqueue~1paint_thing/post/x-job/result",
        "no schema",
    ),
    (
        "result: '#/components/schemas/Painted'",
        "result: '#/components/schemas/Color'",
        "/paths/~1enqueue~1paint_thing/post/x-job/result",
        "object",
    ),
    (
        "        sensitive:",
        "        unique:\n          key: [/color, /size]\n          scope: until_finished\n          on_conflict: reject\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/unique/key/1",
        "`size` is not declared",
    ),
    (
        "        sensitive:",
        "        unique:\n          key: []\n          scope: until_finished\n          on_conflict: reject\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/unique/key",
        "at least one",
    ),
    (
        "        sensitive:",
        "        unique:\n          key: [/color]\n          scope: for_period\n          on_conflict: reject\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/unique/period_seconds",
        "for_period",
    ),
    (
        "        sensitive:",
        "        concurrency:\n          key: /size\n          limit: 1\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/concurrency/key",
        "`size` is not declared",
    ),
    (
        "        sensitive:",
        "        concurrency:\n          limit: 1\n          key_limit: 1\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/concurrency/key_limit",
        "a key, which is missing",
    ),
    (
        "        sensitive:",
        "        concurrency: {}\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/concurrency",
        "names a limit",
    ),
    (
        "        sensitive:",
        "        rate:\n          limit: 0\n          period_seconds: 1\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/rate/limit",
        "0 is outside",
    ),
    (
        "        sensitive:",
        "        rate:\n          limit: 1\n          period_seconds: 1\n          per_key: true\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/rate/per_key",
        "wants concurrency.key",
    ),
    (
        "        sensitive:",
        "        limits:\n          priority_max: -1000\n        sensitive:",
        "/paths/~1enqueue~1paint_thing/post/x-job/limits/priority_max",
        "is outside",
    ),
];
