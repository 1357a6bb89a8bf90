//! `gigway serve`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, LogFormat};
use crate::demo;

pub(super) async fn run(config: &Config, demo: bool) -> Result<ExitCode, Failure> {
    if demo && config.is_production() {
        return Err(Failure::Config(ConfigError {
            variable: "--demo",
            fault: "would put made-up people into production".into(),
            example: "GIGWAY_ENV=development",
        }));
    }
    start_log(config);
    // Before anything is started, so that a signal that comes early is not missed.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let app = App::start(config, Arc::new(SystemClock)).await?;
    let greeting = async {
        if demo {
            demo::seed(&app.services).await?;
        }
        print!("{}", greeting(&app, demo, config.is_production()));
        Ok::<(), Failure>(())
    };
    let stopping = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let mut stopping = std::pin::pin!(stopping);
    let signal = tokio::select! {
        signal = &mut stopping => signal,
        greeted = greeting => {
            greeted?;
            stopping.await
        }
    };
    tracing::info!(signal, "stopping");
    app.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let colored = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colored);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Where everything is, and, with demo data, whom to sign in as and what to paste.
fn greeting(app: &App, demo: bool, production: bool) -> String {
    let url = format!("http://{}", app.address);
    let graphiql = if production { String::new() } else { format!("  GraphiQL   {url}/graphiql\n") };
    let demo = if demo { demo_greeting(&url) } else { String::new() };
    format!(
        "\ngigway serves\n  API        {url}/graphql (HTTP and WebSocket)\n{graphiql}  Health     {url}/readyz\n{demo}"
    )
}

fn demo_greeting(url: &str) -> String {
    let (password, seller, reviewer) = (demo::PASSWORD, demo::SELLER_EMAIL, demo::REVIEWER_EMAIL);
    format!(
        r#"
Demo accounts (password "{password}")
  seller     {seller}
  reviewer   {reviewer}

A query to paste into a shell
  curl -s {url}/graphql -H 'content-type: application/json' \
    -d '{{"query":"{{ gigs(first: 3, search: \"logo\") {{ totalCount nodes {{ title price {{ amount }} seller {{ displayName }} }} }} }}"}}'

A subscription to paste into GraphiQL: it tells of each gig that a reviewer approves
  subscription {{ gigPublished {{ occurredAt gig {{ title seller {{ displayName }} }} }} }}

"#
    )
}
