//! What must come to its end once it was begun.

use crate::failure::Interrupted;

/// Lets `work` come to its end also when Ctrl-C is pressed, and ends the program then.
pub(crate) async fn uninterrupted<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    let mut task = tokio::spawn(work);
    tokio::select! {
        done = &mut task => done?,
        _ = tokio::signal::ctrl_c() => {
            tracing::warn!("finishing first: the refresh token is being replaced");
            task.await??;
            Err(Interrupted.into())
        }
    }
}
