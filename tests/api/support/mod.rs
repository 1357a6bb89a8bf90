//! What tests are written with.

pub mod client;
pub mod documents;
pub mod event_stream;
pub mod fault_harness;
pub mod faulty_redis_proxy;
pub mod fuzz;
pub mod npm;
pub mod test_postgres;
pub mod pictures;
pub mod process;
pub mod proxy;
pub mod servers;
pub mod socket;
pub mod subscriber;
pub mod test_app;
pub mod test_users;
pub mod two_gateways;
pub mod writers;

/// Runs each of the tests over both back ends. A test is an `async fn(TestApp)`.
macro_rules! on_both_back_ends {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::support::test_app::TestApp::on_sqlite().await).await;
                }
            )+
        }
        mod on_postgres_and_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::support::test_app::TestApp::on_postgres_and_redis().await).await;
                }
            )+
        }
    };
}

pub(crate) use on_both_back_ends;
