//! The rules of the marketplace: states and transitions, forms, limits, reasons, permissions, events.
//!
//! Pure functions: nothing here knows HTTP, GraphQL, SQL or Redis, reads the clock or draws a random number.
//! The time is an argument. A rule is written once, here; the layers above call it.
//!
//! | rules | file | limits from |
//! |---|---|---|
//! | life of a gig | `gig.rs` | `ReviewLimits` |
//! | form of a gig | `gig_form.rs` | `GigLimits` |
//! | life of a verification | `verification/mod.rs` | `VerificationLimits` |
//! | who may decide a verification, second reviewer | `verification_decision.rs` | `FourEyesLimits` |
//! | widths and alternative text of an image | `image.rs` | `GigLimits` |
//! | form of a verification | `personal_info.rs` | `VerificationLimits` |
//! | quality of pictures of documents | `picture_quality.rs` | `VerificationLimits` |
//! | review queue, decisions | `review.rs` | `ReviewLimits` |
//! | what the record says about a submission | `flag.rs` | |
//! | consent, requests to be erased | `rights.rs` | `RetentionLimits` |
//! | figures of the review queue | `review_summary.rs` | |
//! | record of decisions, proposals | `review_record.rs` | `FourEyesLimits` |
//! | reason codes | `reason.rs` | `ReviewLimits` |
//! | what a user may do | `permission.rs` | `VerificationLimits`, `GigLimits` |
//! | sign-up, sessions | `account.rs` | `AccountLimits` |
//! | accounts as administrators see them | `user_account.rs` | |
//! | worker levels, configurable limits | `limits.rs` | |
//! | messages with their parameters | `message.rs` | |
//! | text that people type | `text/mod.rs` | |
//! | links | `link.rs` | `GigLimits` |
//! | numbers and dates as people type them | `entered.rs` | |
//! | event log | `event.rs` | |

pub mod account;
pub mod audit;
pub mod authority;
pub mod blob;
pub mod category;
pub mod country;
pub mod document_number;
pub mod entered;
pub mod event;
pub mod flag;
pub mod gig;
pub mod gig_filter;
pub mod gig_form;
pub mod held_version;
pub mod id;
pub mod image;
pub(crate) mod limit_table;
pub mod limits;
pub mod link;
pub mod message;
pub mod money;
pub mod network;
pub mod permission;
pub mod personal_info;
pub mod picture_quality;
pub mod rate_limits;
pub mod reason;
pub mod review;
pub mod review_kind;
pub mod review_record;
pub mod review_summary;
pub mod rights;
pub mod sealed_text;
pub mod search;
pub mod text;
pub mod token_bucket;
pub mod user;
pub mod user_account;
pub mod verification;
pub mod verification_decision;
pub mod viewer_actions;
pub mod violation;
pub mod wrapped_key;
