//! Progress on long work: bars on standard error, only when that is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar; it is gone from the terminal once it is dropped or finished.
pub(crate) type Bar = ProgressBar;

/// A bar over a known number of items.
pub(crate) fn bar_of_items(what: &'static str, total: u64) -> Bar {
    styled(ProgressBar::new(total), what, "{msg:18} {wide_bar} {human_pos}/{human_len} {per_sec:>12} {eta:>4}")
}

/// A bar over a known number of bytes.
pub(crate) fn bar_of_bytes(what: &'static str, total: u64) -> Bar {
    styled(ProgressBar::new(total), what, "{msg:18} {wide_bar} {bytes}/{total_bytes} {eta:>4}")
}

/// A sign of life for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> Bar {
    styled(ProgressBar::new_spinner(), what, "{spinner} {msg} {human_pos}")
}

fn styled(bar: ProgressBar, what: &'static str, template: &str) -> Bar {
    let visible = std::io::stderr().is_terminal();
    bar.set_draw_target(if visible { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() });
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    if visible {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}
