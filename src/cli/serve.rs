//! `gigway serve`.

use std::io::IsTerminal;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::App;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, LogFormat};

/// Sent to a process that writes beyond its limit of file sizes. The number is the same on Linux (except MIPS),
/// macOS and the BSDs.
const SIGXFSZ: i32 = 25;

/// The demo data.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demo {
    /// Actors post and review gigs
    Moving,
    /// Nothing changes by itself
    Still,
}

pub(super) async fn run(config: &Config, demo: Option<Demo>) -> Result<ExitCode, Failure> {
    if demo.is_some() && config.is_production() {
        let problem = "is set in production: demo data is only for development";
        return Err(Failure::Config(ConfigError::new("--demo", problem, "GIGWAY_ENV=development")));
    }
    init_logging(config);
    // By default, this signal would end the process if a file reaches a limit of its size. With a handler, the
    // write fails instead, and only the request that needs it gets an error.
    let _file_size_signal = signal(SignalKind::from_raw(SIGXFSZ))?;
    let mut stop_signal = pin!(stop_signal()?);
    // A signal can arrive during the start, for example while it waits for the database.
    let app = tokio::select! {
        signal = &mut stop_signal => {
            tracing::info!(signal, "stopped during the start");
            return Ok(ExitCode::SUCCESS);
        }
        started = App::start(config, Arc::new(SystemClock)) => started?,
    };
    let greet_and_seed = async {
        print!("{}", greeting(&app, config));
        #[cfg(feature = "demo")]
        if let Some(demo) = demo {
            let has_demo_data = demo_data::seed(&app).await?;
            if has_demo_data && demo == Demo::Moving {
                Box::pin(crate::demo::actors::run(Arc::clone(&app.services))).await;
            }
        }
        std::future::pending::<Result<(), Failure>>().await
    };
    let serve_until_failure = async {
        tokio::select! {
            seeded = greet_and_seed => seeded?,
            () = app.wait_for_failure() => {}
        }
        Ok(ExitCode::FAILURE)
    };
    let code = tokio::select! {
        signal = &mut stop_signal => {
            tracing::info!(signal, "stopping");
            Ok(ExitCode::SUCCESS)
        }
        failure = serve_until_failure => failure,
    };
    app.stop().await;
    code
}

/// Waits for SIGTERM or SIGINT, and returns its name.
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

fn init_logging(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let colored = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colored)
        .log_internal_errors(false);
    match config.log_format {
        LogFormat::Text => log.finish().with(filter_fn(may_be_logged)).init(),
        LogFormat::Json => log.json().flatten_event(true).finish().with(filter_fn(may_be_logged)).init(),
    }
}

/// Whatever the filter says, the log must have no credentials: tungstenite traces the messages of WebSockets, which have
/// access tokens.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || !metadata.target().starts_with("tungstenite")
}

/// The URLs of the gateway, for the terminal.
fn greeting(app: &App, config: &Config) -> String {
    let url = format!("http://{}", app.address);
    let mut lines = vec!["\ngigway is listening".to_owned()];
    if config.console {
        lines.push(format!("  Console    {url}/"));
    }
    lines.push(format!("  API        {url}/graphql (HTTP and WebSocket)"));
    if config.console && config.introspection {
        lines.push(format!("  GraphiQL   {url}/graphiql"));
    }
    lines.push(format!("  Health     {url}/readyz\n"));
    lines.join("\n")
}

/// Seeds demo data, and prints how to use it.
#[cfg(feature = "demo")]
mod demo_data {
    use crate::app::App;
    use crate::cli::Failure;
    use crate::demo;

    /// Seeds an empty installation, and prints the accounts and example operations. Returns whether it has demo data.
    pub async fn seed(app: &App) -> Result<bool, Failure> {
        if !demo::seed(&app.services).await? {
            println!("\nNo demo data: this installation already has users.\n");
            return Ok(false);
        }
        print!("{}", usage_examples(&format!("http://{}", app.address)));
        demo::verifications::seed(&app.services).await?;
        Ok(true)
    }

    fn usage_examples(url: &str) -> String {
        let (password, seller, reviewer) = (demo::PASSWORD, demo::SELLER_EMAIL, demo::REVIEWER_EMAIL);
        format!(
            r#"
Demo accounts (password "{password}")
  seller     {seller}
  reviewer   {reviewer}

A query to paste into a shell
  curl -s {url}/graphql -H 'content-type: application/json' \
    -d '{{"query":"{{ gigs(first: 3, search: \"logo\") {{ totalCount nodes {{ title price {{ amount }} seller {{ displayName }} }} }} }}"}}'

A subscription to paste into GraphiQL: it sends each gig that a reviewer approves
  subscription {{ gigPublished {{ occurredAt gig {{ title seller {{ displayName }} }} }} }}

"#
        )
    }
}
