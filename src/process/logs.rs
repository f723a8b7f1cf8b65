//! Logs: one line for each event on stderr, with fields as `name=value`.
//!
//! Where stderr is the journal's, each line begins with its priority, and time and level are left
//! to the journal.

use std::fmt;
use std::sync::OnceLock;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::format::{Format, Full, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

/// Starts logging at the level of `RUST_LOG`, or else of the configuration: a level, or a list such
/// as `info,stockgate::protocol=debug`.
pub fn start(level: &str) {
    let asked = asked();
    let filter = asked.as_deref().unwrap_or(level).parse().unwrap_or_else(|error: ParseError| {
        report(
            "stockgate",
            &format!("RUST_LOG is not a list of levels ({error}); logging at info"),
        );
        Targets::new().with_default(Level::INFO)
    });
    let (filter, handle) = reload::Layer::new(capped(filter));
    let _ = FILTER.set(handle);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Lines { for_journal: is_journal() });
    // This fails only if logging was started before; that logger stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    spare();
}

/// The current filter, which may be changed while the program runs.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Changes the level; returns whether it did, because `RUST_LOG` takes precedence.
pub fn set_level(level: &str) -> bool {
    let Ok(filter) = level.parse::<Targets>() else { return false };
    let is_set = asked().is_none()
        && FILTER.get().is_some_and(|handle| handle.reload(capped(filter)).is_ok());
    spare();
    is_set
}

/// Drops events of libraries below the level early: some of them log several for each message.
fn spare() {
    let finest = LevelFilter::current().to_string().parse();
    log::set_max_level(finest.expect("both know the same levels"));
}

fn asked() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|list| !list.is_empty())
}

/// Libraries that log whole messages at debug or trace, which may contain tokens, passwords and what
/// terminals send; with the finest level of each. Those of sinks log every attempt to connect, and the
/// sink says it already.
const VERBOSE_LIBRARIES: [(&str, LevelFilter); 6] = [
    ("tungstenite", LevelFilter::INFO),
    ("tokio_tungstenite", LevelFilter::INFO),
    ("hyper", LevelFilter::INFO),
    ("rumqttc", LevelFilter::INFO),
    ("rskafka", LevelFilter::ERROR),
    ("async_nats", LevelFilter::ERROR),
];

/// The filter without the fine levels of those libraries and of their modules.
fn capped(filter: Targets) -> Targets {
    let default = filter.default_level().unwrap_or(LevelFilter::OFF);
    let verbose = VERBOSE_LIBRARIES.map(|(name, finest)| (name.to_owned(), default.min(finest)));
    let asked = filter.into_iter().map(|(target, level)| {
        let of = VERBOSE_LIBRARIES.iter().find(|(name, _)| target.starts_with(name));
        let finest = of.map_or(LevelFilter::TRACE, |(_, finest)| *finest);
        (target, level.min(finest))
    });
    Targets::new().with_default(default).with_targets(verbose).with_targets(asked)
}

/// Writes to stderr why a program cannot continue.
pub fn report(program: &str, error: &dyn fmt::Display) {
    use std::io::Write as _;
    let priority = if is_journal() { "<3>" } else { "" };
    for line in error.to_string().lines() {
        let _ = writeln!(std::io::stderr(), "{priority}{program}: {line}");
    }
}

/// Whether stderr is the journal's stream. systemd names it by device and inode, because a parent
/// may have passed on another stderr.
fn is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Some((device, inode)) = named.split_once(':') else { return false };
    let numbers = device.parse::<u64>().ok().zip(inode.parse::<u64>().ok());
    // The types differ between targets.
    #[allow(clippy::useless_conversion, clippy::allow_attributes, reason = "see above")]
    let of = |stat: rustix::fs::Stat| (u64::from(stat.st_dev), u64::from(stat.st_ino));
    numbers.is_some() && rustix::fs::fstat(std::io::stderr()).ok().map(of) == numbers
}

struct Lines {
    for_journal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        let (to, plain): (_, Format<Full>) = (Writer::new(&mut line), format().with_ansi(false));
        if self.for_journal {
            plain.without_time().with_level(false).format_event(context, to, event)?;
            write!(writer, "<{}>", priority(*event.metadata().level()))?;
        } else {
            plain.format_event(context, to, event)?;
        }
        writeln!(writer, "{}", one_line(line))
    }
}

/// Escapes line breaks, so that an event stays one line whatever came from outside.
fn one_line(line: String) -> String {
    let line = line.trim_end();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The syslog priority of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_log_at_debug_or_trace() {
        let filter = |list: &str| capped(list.parse().unwrap());
        let all = filter("trace,tungstenite::protocol=trace,tung=trace,rumqttc=debug");
        assert!(all.would_enable("stockgate::protocol", &Level::TRACE));
        assert!(all.would_enable("tungstenite::protocol", &Level::INFO));
        for target in [
            "tungstenite",
            "tungstenite::protocol",
            "rumqttc::state",
            "hyper::proto",
            "rskafka::messenger",
            "async_nats::connection",
        ] {
            assert!(!all.would_enable(target, &Level::DEBUG), "{target}");
        }
        let quiet = filter("warn,stockgate=debug,rumqttc=off");
        assert!(quiet.would_enable("stockgate", &Level::DEBUG));
        assert!(!quiet.would_enable("hyper", &Level::INFO));
        assert!(!quiet.would_enable("rumqttc", &Level::ERROR));
    }

    #[test]
    fn an_event_stays_one_line() {
        assert_eq!(one_line("a reason\n<2>forged: b\n".into()), "a reason <2>forged: b");
    }
}
