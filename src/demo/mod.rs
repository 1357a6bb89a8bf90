//! Demo data for an empty installation: people, gigs, reviews and verifications.
//!
//! All content is validated by the forms and rules of `domain`. All rows except those of verifications are
//! written in one transaction. So if the first start is killed before its commit, only blobs without rows can
//! remain, and the next start seeds again. The demo is the same each time, except for ids and times.

pub mod actors;
mod drawings;
mod gigs;
mod history;
mod offers;
mod outcomes;
mod people;
#[cfg(test)]
mod tests;
pub mod verifications;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::demo::history::History;
use crate::domain::category::Category;
use crate::domain::gig::Gig;
use crate::domain::id::{ImageId, SubjectId};
use crate::domain::image::{GigImage, VARIANTS_VERSION};
use crate::domain::limits::Limits;
use crate::domain::review::Decision;
use crate::domain::violation::Violation;
use crate::media::images::variants::Variants;
use crate::media::images::{Bounds, EncodedImage};
use crate::service::review_texts::Sealer;
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store;
use crate::store::{categories, images, reviews, users};

/// The password of every demo account.
pub const PASSWORD: &str = "demo-password";

/// A seller with gigs of nearly every status.
pub const SELLER_EMAIL: &str = "sofia@example.com";

/// A demo account with the role REVIEWER.
pub const REVIEWER_EMAIL: &str = "miriam@example.com";

const SEED: u64 = 2026;

/// How many images are drawn at the same time.
const CONCURRENT_DRAWINGS: usize = 2;

const CONCURRENT_WRITES: usize = 8;

/// How many images each gig has. The gigs cycle through these numbers.
const IMAGE_COUNTS: [usize; 6] = [1, 2, 1, 3, 1, 2];

/// Generates an id.
type NewId<'a> = &'a dyn Fn() -> Uuid;

/// Seeds an installation without users, with a progress bar on the terminal. Returns whether the installation
/// has the demo accounts now.
///
/// # Errors
/// If it fails, for example because the configured limits reject the demo data, no rows were added.
pub async fn seed(services: &Services) -> Result<bool> {
    let db = services.db.read();
    if users::count(db).await? > 0 {
        return Ok(users::find_credentials(db, SELLER_EMAIL).await?.is_some());
    }
    let categories = categories::all(services.db.read()).await?;
    let hash = services.passwords.hash(PASSWORD.into(), Ipv4Addr::LOCALHOST.into()).await?;
    let (now, limits) = (services.now(), &services.limits);
    let demo = generate(now, limits, &categories, &hash, &|| services.new_id())?;

    let count = u16::try_from(categories.len()).map_err(Error::internal)? * drawings::PER_CATEGORY;
    let bar = progress_bar(u64::from(count));
    let drawn = draw_all(services, count, &bar).await?;
    let attached = attach_images(&demo, services, &categories, &drawn)?;
    bar.inc_length(attached.blobs.len() as u64);
    let seeded = store_all(services, &demo, &attached, &bar).await;
    bar.finish_and_clear();
    if !matches!(seeded, Ok(true)) {
        delete_blobs(services, &attached).await;
    }
    seeded
}

fn progress_bar(steps: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is well-formed");
    ProgressBar::new(steps).with_style(style).with_message("Seeding demo data")
}

/// All generated data except the images.
#[derive(Debug)]
struct Demo {
    people: people::People,
    history: history::History,
}

fn generate(
    now: DateTime<Utc>,
    limits: &Limits,
    categories: &[Category],
    password_hash: &str,
    new_id: NewId<'_>,
) -> Result<Demo> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let people = people::people(now, password_hash, &mut rng, new_id);
    let reviewers = [people.reviewers[0].id, people.reviewers[1].id];
    let mut builder = history::HistoryBuilder::new(limits, now, reviewers, rng, new_id);
    let mut gig_counts = vec![0; people.sellers.len()];
    for (number, group) in gigs::load_demo_gigs().map_err(Error::internal)?.into_iter().enumerate() {
        let category = categories.iter().find(|category| category.slug == group.category);
        let unknown = || Error::internal(format!("there is no category {}", group.category));
        let category = category.ok_or_else(unknown)?;
        for (index, demo_gig) in group.gigs.into_iter().enumerate() {
            let seller = people::seller_index(&category.slug, number + index).ok_or_else(unknown)?;
            let outcome = outcomes::outcome_of(&demo_gig.title, seller, gig_counts[seller]);
            gig_counts[seller] += 1;
            let content = demo_gig.content(category, &limits.gig);
            let content = content.map_err(|violations| rule_violation(&violations))?;
            let added = builder.add_gig(people.sellers[seller].id, content, outcome);
            added.map_err(|violations| rule_violation(&violations))?;
        }
    }
    let mut history = builder.history;
    // The sort is stable: events of the same time stay in their order.
    history.events.sort_by_key(|(at, _)| *at);
    Ok(Demo { people, history })
}

/// The demo breaks a rule: a bug in the demo.
fn rule_violation(violations: &[Violation]) -> Error {
    Error::internal(format!("the demo breaks a rule: {violations:?}"))
}

/// A drawn image, with its copies in smaller widths.
type Drawing = (EncodedImage, Variants);

/// Draws the images on blocking threads.
async fn draw_all(services: &Services, count: u16, bar: &ProgressBar) -> Result<Vec<Drawing>> {
    let bounds = Bounds { stored_max_bytes: services.limits.gig.image_max_bytes, ..Bounds::default() };
    let draw = move |number| tokio::task::spawn_blocking(move || drawings::draw(number, &bounds));
    let mut results = stream::iter(0..count).map(draw).buffered(CONCURRENT_DRAWINGS);
    let mut drawn = Vec::new();
    while let Some(drawing) = results.next().await {
        let drawing = drawing.map_err(Error::internal)?;
        drawn.push(drawing.map_err(Error::internal)?);
        bar.inc(1);
    }
    Ok(drawn)
}

/// The images of all gigs. Gigs share drawings, but each has its own rows and blobs.
struct AttachedImages {
    rows: Vec<GigImage>,
    blobs: Vec<(ImageId, Bytes, Variants)>,
}

fn attach_images(
    demo: &Demo,
    services: &Services,
    categories: &[Category],
    drawn: &[Drawing],
) -> Result<AttachedImages> {
    let variants = usize::from(drawings::PER_CATEGORY);
    let (mut rows, mut blobs) = (Vec::new(), Vec::new());
    for (number, gig) in demo.history.gigs.iter().enumerate() {
        let category = categories.iter().position(|category| category.id == gig.content.category_id);
        let category = category.expect("every gig has one of the categories");
        let count = IMAGE_COUNTS[number % IMAGE_COUNTS.len()];
        for index in 0..count.min(services.limits.gig.images_max) {
            let (drawing, copies) = &drawn[category * variants + (number + index) % variants];
            let image = GigImage {
                id: services.new_id(),
                owner_id: gig.seller_id,
                gig_id: Some(gig.id),
                width: i32::try_from(drawing.width).map_err(Error::internal)?,
                height: i32::try_from(drawing.height).map_err(Error::internal)?,
                byte_size: i32::try_from(drawing.bytes.len()).map_err(Error::internal)?,
                alt_text: None,
                placeholder: Some(copies.placeholder.clone()),
                variants_version: Some(VARIANTS_VERSION),
            };
            blobs.push((image.id, drawing.bytes.clone(), copies.clone()));
            rows.push(image);
        }
    }
    Ok(AttachedImages { rows, blobs })
}

/// Writes the blobs, and then all rows in one transaction. Returns `false` if one of the e-mails is taken.
async fn store_all(
    services: &Services,
    demo: &Demo,
    attached: &AttachedImages,
    bar: &ProgressBar,
) -> Result<bool> {
    let put = |(id, bytes, copies): (ImageId, Bytes, Variants)| async move {
        services.media.put(id, bytes).await?;
        services.media.put_variants(id, &copies).await
    };
    let mut writes = stream::iter(attached.blobs.clone()).map(put).buffer_unordered(CONCURRENT_WRITES);
    let mut failed = None;
    // Wait for all writes, even after a failure, so that none happens after the blobs are deleted.
    while let Some(written) = writes.next().await {
        failed = failed.or(written.err());
        bar.inc(1);
    }
    if let Some(error) = failed {
        return Err(Error::internal(error));
    }

    let mut work = services.begin().await?;
    for user in demo.people.all() {
        if !users::insert(work.tx(), services, user).await? {
            return Ok(false);
        }
    }
    let history = &demo.history;
    let (gigs, decisions) = seal(services, &work, history).await?;
    store::gigs::insert_all(work.tx(), &gigs).await?;
    images::insert_attached(work.tx(), &attached.rows, services.now()).await?;
    reviews::insert_all(work.tx(), &history.items).await?;
    reviews::insert_sealed_decisions(work.tx(), &decisions).await?;
    for (_, event) in &history.events {
        work.record(event.clone());
    }
    work.commit().await?;
    Ok(true)
}

/// The gigs and the decisions of the history, with the texts of reviewers sealed.
async fn seal(
    services: &Services,
    work: &UnitOfWork<'_>,
    history: &History,
) -> Result<(Vec<Gig>, Vec<Decision>)> {
    let mut sealer = Sealer::new(services, work);
    let (mut gigs, mut decisions) = (history.gigs.clone(), Vec::with_capacity(history.decisions.len()));
    for gig in &mut gigs {
        let reasons = std::mem::take(&mut gig.review_reasons);
        gig.review_reasons = sealer.reasons(gig.seller_id, SubjectId::Gig(gig.id), reasons).await?;
    }
    let sellers: HashMap<_, _> = gigs.iter().map(|gig| (SubjectId::Gig(gig.id), gig.seller_id)).collect();
    for decision in &history.decisions {
        let seller_id = sellers.get(&decision.subject_id).copied();
        let seller_id = seller_id.ok_or_else(|| Error::internal("a demo decision is about no demo gig"))?;
        decisions.push(sealer.decision(seller_id, decision.clone()).await?);
    }
    Ok((gigs, decisions))
}

async fn delete_blobs(services: &Services, attached: &AttachedImages) {
    for (id, ..) in &attached.blobs {
        if let Err(error) = services.media.delete(*id).await {
            tracing::warn!(%error, "deleting a demo image failed");
        }
    }
}
