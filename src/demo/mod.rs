//! Demo data: a marketplace that looks lived in, for an installation that is still empty.
//!
//! It goes the way of all data: what sellers wrote through the form, what happened to a gig through
//! the rules, all rows through one transaction. So a first start that is killed leaves no half of
//! a marketplace behind, at most blobs that no row names, and the next one begins anew. The demo is
//! the same each time, but for ids and times.

mod fates;
mod gigs;
mod history;
mod people;
mod pictures;
#[cfg(test)]
mod tests;
pub mod verifications;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::domain::category::Category;
use crate::domain::image::GigImage;
use crate::domain::limits::Limits;
use crate::domain::violation::Violation;
use crate::media::BlobKind;
use crate::media::images::{Bounds, Picture};
use crate::service::{Error, Result, Services};
use crate::store;
use crate::store::{categories, images, reviews, users};

/// The password of every account of the demo.
pub const PASSWORD: &str = "demo-password";

/// A seller with gigs of nearly every status.
pub const SELLER_EMAIL: &str = "sofia@example.com";

/// One of the reviewers.
pub const REVIEWER_EMAIL: &str = "miriam@example.com";

const SEED: u64 = 2026;

/// As many pictures as cores that everybody has.
const DRAWN_AT_ONCE: usize = 2;

const WRITTEN_AT_ONCE: usize = 8;

/// How many pictures a gig has; the next gig has the next number.
const PICTURES_OF_GIGS: [usize; 6] = [1, 2, 1, 3, 1, 2];

/// Makes an id.
type NewId<'a> = &'a dyn Fn() -> Uuid;

/// Fills the installation with demo data, where nobody has an account yet, and shows on the
/// terminal how far it is; whether it has the demo's people now.
///
/// # Errors
/// Where the database or the blobs are away, or the limits are too narrow for the demo. Then
/// nothing was added.
pub async fn seed(services: &Services) -> Result<bool> {
    let db = services.db.read();
    if users::count(db).await? > 0 {
        return Ok(users::credentials(db, SELLER_EMAIL).await?.is_some());
    }
    let categories = categories::all(services.db.read()).await?;
    let hash = services.secrets.hash_password(PASSWORD.into()).await?;
    let (now, limits) = (services.now(), &services.limits);
    let demo = imagine(now, limits, &categories, &hash, &|| services.new_id())?;

    let count = u16::try_from(categories.len()).map_err(Error::internal)? * pictures::PER_CATEGORY;
    let bar = progress_bar(u64::from(count));
    let drawn = draw_all(services, count, &bar).await?;
    let hung = hang(&demo, services, &categories, &drawn)?;
    bar.inc_length(hung.blobs.len() as u64);
    let seeded = keep(services, &demo, &hung, &bar).await;
    bar.finish_and_clear();
    if !matches!(seeded, Ok(true)) {
        take_down(services, &hung).await;
    }
    seeded
}

fn progress_bar(steps: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is well-formed");
    ProgressBar::new(steps).with_style(style).with_message("Making demo data")
}

/// Everything but the pictures.
#[derive(Debug)]
struct Demo {
    people: people::People,
    history: history::History,
}

fn imagine(
    now: DateTime<Utc>,
    limits: &Limits,
    categories: &[Category],
    password_hash: &str,
    new_id: NewId<'_>,
) -> Result<Demo> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let people = people::people(now, password_hash, &mut rng, new_id);
    let reviewers = [people.reviewers[0].id, people.reviewers[1].id];
    let mut teller = history::Teller::new(limits, now, reviewers, rng, new_id);
    let mut turns = vec![0; people.sellers.len()];
    for (number, shelf) in gigs::shelves().map_err(Error::internal)?.into_iter().enumerate() {
        let category = categories.iter().find(|found| found.slug == shelf.category);
        let unknown = || Error::internal(format!("there is no category {}", shelf.category));
        let category = category.ok_or_else(unknown)?;
        for (place, offer) in shelf.gigs.into_iter().enumerate() {
            let seller = people::seller_of(&category.slug, number + place).ok_or_else(unknown)?;
            let fate = fates::fate_of(&offer.title, seller, turns[seller]);
            turns[seller] += 1;
            let content = offer.content(category, &limits.gig);
            let content = content.map_err(|violations| broken(&violations))?;
            let told = teller.tell(people.sellers[seller].id, content, fate);
            told.map_err(|violations| broken(&violations))?;
        }
    }
    let mut history = teller.history;
    // Within one moment they stay in the order in which they came about.
    history.events.sort_by_key(|(at, _)| *at);
    Ok(Demo { people, history })
}

/// The demo does what a person would be refused: a mistake of ours.
fn broken(violations: &[Violation]) -> Error {
    Error::internal(format!("the demo breaks a rule: {violations:?}"))
}

/// Draws off the async threads.
async fn draw_all(services: &Services, count: u16, bar: &ProgressBar) -> Result<Vec<Picture>> {
    let bounds = Bounds { stored_max_bytes: services.limits.gig.image_max_bytes, ..Bounds::default() };
    let draw = move |number| tokio::task::spawn_blocking(move || pictures::draw(number, &bounds));
    let mut drawing = stream::iter(0..count).map(draw).buffered(DRAWN_AT_ONCE);
    let mut drawn = Vec::new();
    while let Some(picture) = drawing.next().await {
        let picture = picture.map_err(Error::internal)?;
        drawn.push(picture.map_err(Error::internal)?);
        bar.inc(1);
    }
    Ok(drawn)
}

/// The pictures of all gigs. Gigs share what is drawn, but each has rows and blobs of its own.
struct Hung {
    rows: Vec<GigImage>,
    blobs: Vec<(Uuid, Bytes)>,
}

fn hang(demo: &Demo, services: &Services, categories: &[Category], drawn: &[Picture]) -> Result<Hung> {
    let variants = usize::from(pictures::PER_CATEGORY);
    let (mut rows, mut blobs) = (Vec::new(), Vec::new());
    for (number, gig) in demo.history.gigs.iter().enumerate() {
        let category = categories.iter().position(|found| found.id == gig.content.category_id);
        let category = category.expect("every gig was made in one of the categories");
        let count = PICTURES_OF_GIGS[number % PICTURES_OF_GIGS.len()];
        for place in 0..count.min(services.limits.gig.images_max) {
            let picture = &drawn[category * variants + (number + place) % variants];
            let image = GigImage {
                id: services.new_id(),
                owner_id: gig.seller_id,
                gig_id: Some(gig.id),
                width: i32::try_from(picture.width).map_err(Error::internal)?,
                height: i32::try_from(picture.height).map_err(Error::internal)?,
                byte_size: i32::try_from(picture.bytes.len()).map_err(Error::internal)?,
            };
            blobs.push((image.id, picture.bytes.clone()));
            rows.push(image);
        }
    }
    Ok(Hung { rows, blobs })
}

/// Writes the blobs, and then all rows at once; `false` where somebody has one of its e-mails by now.
async fn keep(services: &Services, demo: &Demo, hung: &Hung, bar: &ProgressBar) -> Result<bool> {
    let put = |(id, bytes)| services.media.put(BlobKind::GigImages, id, bytes);
    let mut writing = stream::iter(hung.blobs.clone()).map(put).buffer_unordered(WRITTEN_AT_ONCE);
    let mut failed = None;
    // All are waited for, even behind a failure, so that none is written after they are removed.
    while let Some(written) = writing.next().await {
        failed = failed.or(written.err());
        bar.inc(1);
    }
    if let Some(error) = failed {
        return Err(Error::internal(error));
    }

    let mut work = services.begin().await?;
    for user in demo.people.all() {
        if !users::insert(work.tx(), user).await? {
            return Ok(false);
        }
    }
    let history = &demo.history;
    store::gigs::insert_all(work.tx(), &history.gigs).await?;
    images::insert_attached(work.tx(), &hung.rows, services.now()).await?;
    reviews::insert_all(work.tx(), &history.items).await?;
    reviews::insert_decisions(work.tx(), &history.decisions).await?;
    for (_, event) in &history.events {
        work.record(event.clone());
    }
    work.commit().await?;
    Ok(true)
}

async fn take_down(services: &Services, hung: &Hung) {
    for (id, _) in &hung.blobs {
        if let Err(error) = services.media.delete(BlobKind::GigImages, *id).await {
            tracing::warn!(%error, "a picture of the demo stays behind");
        }
    }
}
