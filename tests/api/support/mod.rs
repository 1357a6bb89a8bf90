//! Helpers of the API tests: gateways, clients, throwaway servers, and fault injection.
//!
//! A test starts with [`test_app::TestApp`], creates users by [`test_users`], and sends operations of
//! [`documents`] by their [`client::Client`] or a [`socket::Socket`].

pub mod acts;
pub mod archive;
pub mod cards;
pub mod client;
pub mod documents;
pub mod event_stream;
pub mod fault_harness;
pub mod faulty_redis_proxy;
pub mod fuzz;
pub mod gig_writers;
pub mod message_params;
pub mod npm;
pub mod photographs;
pub mod process;
pub mod proxy;
pub mod raw_connection;
pub mod reviewing;
pub mod sample_images;
pub mod servers;
pub mod socket;
pub mod statement_proxy;
pub mod subscriber;
pub mod table_dump;
pub mod tags;
pub mod test_app;
pub mod test_postgres;
pub mod test_users;
pub mod two_gateways;

/// Runs each test on both back ends. A test is an `async fn(TestApp)`.
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
