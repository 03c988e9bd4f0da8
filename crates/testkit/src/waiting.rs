//! Waiting for something to become true, so that no test sleeps and hopes.

use std::time::{Duration, Instant};

use anyhow::bail;

const POLL: Duration = Duration::from_millis(20);

/// Asks `condition` again and again until it holds; an error when `deadline` has passed, counted from now.
///
/// The condition is asked at least once, and an answer that takes long is not cut short.
pub async fn wait_until<F>(deadline: Duration, mut condition: F) -> anyhow::Result<()>
where
    F: AsyncFnMut() -> bool,
{
    let start = Instant::now();
    while !condition().await {
        if start.elapsed() >= deadline {
            bail!("nothing came of it within {deadline:?}");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_condition_or_the_deadline() {
        let mut asked = 0;
        let third_time = async || {
            asked += 1;
            asked == 3
        };
        assert!(wait_until(Duration::from_secs(5), third_time).await.is_ok());
        assert!(wait_until(Duration::ZERO, async || true).await.is_ok());
        assert!(wait_until(Duration::ZERO, async || false).await.is_err());
    }
}
