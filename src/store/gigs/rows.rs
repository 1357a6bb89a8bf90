//! A gig as a list reads it: the columns that were asked for, and what comes with it in the same statement.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use enumset::{EnumSet, EnumSetType};
use sea_orm::{QueryResult, TryGetable};
use uuid::Uuid;

use crate::domain::gig::{Gig, GigContent, GigStatus};
use crate::domain::gig_filter::GigOrder;
use crate::domain::image::GigImage;
use crate::domain::money::Money;
use crate::domain::user::User;
use crate::store::pagination::PageKey;
use crate::store::sql::Sql;
use crate::store::{Result, from_json, parse};

/// What a list may be read for, beyond what decides who sees a gig and where it stands.
#[derive(Debug, EnumSetType, Hash)]
pub enum Column {
    Title,
    Description,
    DeliveryDays,
    Revisions,
    Tags,
    Links,
    Version,
    CreatedAt,
    SubmittedAt,
    ReviewDueAt,
    ReviewReasons,
    /// Its seller, whole.
    Seller,
    /// Its pictures, in order.
    Images,
}

pub type ColumnSet = EnumSet<Column>;

/// A gig of a list. What the list was not read for is blank.
#[derive(Debug, Clone)]
pub struct GigRow {
    pub gig: Gig,
    /// Where it came along.
    pub seller: Option<User>,
    /// Where they came along.
    pub images: Option<Vec<GigImage>>,
}

impl From<Gig> for GigRow {
    /// A whole gig, which was read by itself.
    fn from(gig: Gig) -> Self {
        Self { gig, seller: None, images: None }
    }
}

/// How the rows of a list look.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLayout {
    pub parts: ColumnSet,
    pub order: GigOrder,
    /// Whether it holds ACTIVE gigs alone, so that their status need not be read.
    pub is_listed: bool,
}

const ALWAYS: [&str; 5] = ["id", "seller_id", "category_id", "price_cents", "published_at"];
const SELLER: [&str; 4] =
    ["seller.display_name", "seller.points", "seller.verified_at IS NOT NULL", "seller.created_at"];
const IMAGE: [&str; 4] = ["image.id", "image.width", "image.height", "image.byte_size"];

impl Column {
    /// Its column, where it is one of `gig`.
    fn column(self) -> Option<&'static str> {
        Some(match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::DeliveryDays => "delivery_days",
            Self::Revisions => "revisions",
            Self::Tags => "tags",
            Self::Links => "links",
            Self::Version => "version",
            Self::CreatedAt => "created_at",
            Self::SubmittedAt => "submitted_at",
            Self::ReviewDueAt => "review_due_at",
            Self::ReviewReasons => "review_reasons",
            Self::Seller | Self::Images => return None,
        })
    }
}

impl RowLayout {
    pub fn new(mut parts: ColumnSet, order: GigOrder, is_listed: bool) -> Self {
        if order == GigOrder::Created {
            parts.insert(Column::CreatedAt);
        }
        Self { parts, order, is_listed }
    }

    /// The columns of `gig`, as [`Reader`] reads them.
    pub fn columns(self) -> impl Iterator<Item = &'static str> + use<> {
        let status = (!self.is_listed).then_some("status");
        ALWAYS.into_iter().chain(status).chain(self.parts.iter().filter_map(Column::column))
    }

    /// Writes the statement that reads the gigs which `found` selects, with what comes along, in this order.
    pub fn write(self, sql: &mut Sql, order: &str, found: impl FnOnce(&mut Sql)) {
        let relevance = (self.order == GigOrder::Relevance).then_some("relevance");
        sql.push("SELECT ").push_list(self.columns().chain(relevance).map(|column| format!("gig.{column}")));
        if self.parts.contains(Column::Seller) {
            sql.push(", ").push_list(SELLER);
        }
        if self.parts.contains(Column::Images) {
            sql.push(", ").push_list(IMAGE);
        }
        sql.push(" FROM (");
        found(sql);
        sql.push(") AS gig");
        if self.parts.contains(Column::Seller) {
            sql.push(" JOIN \"user\" AS seller ON seller.id = gig.seller_id");
        }
        if self.parts.contains(Column::Images) {
            sql.push(" LEFT JOIN gig_image AS image ON image.gig_id = gig.id");
        }
        sql.push(" ORDER BY ").push(order);
        if self.parts.contains(Column::Images) {
            sql.push(", image.ordinal");
        }
    }

    /// What the rows hold: one gig in one row, or in as many as it has pictures.
    ///
    /// # Errors
    /// Where a row holds what nothing of ours has written.
    pub fn read(self, rows: &[QueryResult]) -> Result<Vec<(PageKey, Arc<GigRow>)>> {
        let mut read: Vec<(PageKey, GigRow)> = Vec::with_capacity(rows.len());
        for row in rows {
            let mut reader = Reader { row, next: 0 };
            let id: Uuid = reader.next()?;
            match read.last_mut() {
                Some((key, listed)) if key.id == id => {
                    reader.next = self.before_image();
                    let owner_id = listed.gig.seller_id;
                    listed.images.get_or_insert_default().extend(reader.image(id, owner_id)?);
                }
                _ => read.push(self.read_gig(id, &mut reader)?),
            }
        }
        Ok(read.into_iter().map(|(key, listed)| (key, Arc::new(listed))).collect())
    }

    /// How many columns come before those of a picture.
    fn before_image(self) -> usize {
        let relevance = usize::from(self.order == GigOrder::Relevance);
        let seller = if self.parts.contains(Column::Seller) { SELLER.len() } else { 0 };
        self.columns().count() + relevance + seller
    }

    /// Reads in the order of [`write`](Self::write).
    fn read_gig(self, id: Uuid, reader: &mut Reader<'_>) -> Result<(PageKey, GigRow)> {
        let parts = self.parts;
        let seller_id = reader.next()?;
        let category_id = reader.next()?;
        let price_cents: i64 = reader.next()?;
        let published_at: Option<DateTime<Utc>> = reader.next()?;
        let status =
            if self.is_listed { GigStatus::Active } else { parse("gig status", &reader.next::<String>()?)? };
        let gig = Gig {
            id,
            seller_id,
            status,
            published_at,
            // As the parts are declared, which is how a set of them is gone through.
            content: GigContent {
                category_id,
                price: Money::from_cents(price_cents),
                title: reader.part(parts, Column::Title)?,
                description: reader.part(parts, Column::Description)?,
                delivery_days: reader.part(parts, Column::DeliveryDays)?,
                revisions: reader.part(parts, Column::Revisions)?,
                tags: reader.json(parts, Column::Tags)?,
                links: reader.json(parts, Column::Links)?,
            },
            version: reader.part(parts, Column::Version)?,
            created_at: reader.part(parts, Column::CreatedAt)?,
            submitted_at: reader.part(parts, Column::SubmittedAt)?,
            review_due_at: reader.part(parts, Column::ReviewDueAt)?,
            review_reasons: reader.json(parts, Column::ReviewReasons)?,
        };
        let micros = published_at.unwrap_or_default().timestamp_micros();
        let values = match self.order {
            GigOrder::Newest | GigOrder::Oldest => vec![micros],
            GigOrder::Created => vec![gig.created_at.timestamp_micros()],
            GigOrder::PriceLowest | GigOrder::PriceHighest => vec![price_cents],
            GigOrder::Relevance => vec![i64::from(reader.next::<i32>()?), micros],
        };
        let seller = parts.contains(Column::Seller).then(|| reader.seller(seller_id)).transpose()?;
        let image = parts.contains(Column::Images).then(|| reader.image(id, seller_id)).transpose()?;
        let images = image.map(|first| first.into_iter().collect());
        Ok((PageKey { order: self.order.into(), values, id }, GigRow { gig, seller, images }))
    }
}

/// Reads a row from left to right: by place, which costs less than by name.
struct Reader<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl Reader<'_> {
    fn next<T: TryGetable>(&mut self) -> Result<T> {
        self.next += 1;
        self.row.try_get_by_index(self.next - 1)
    }

    /// The part, or nothing where it was not read.
    fn part<T: TryGetable + Default>(&mut self, parts: ColumnSet, part: Column) -> Result<T> {
        if parts.contains(part) { self.next() } else { Ok(T::default()) }
    }

    fn json<T: serde::de::DeserializeOwned + Default>(
        &mut self,
        parts: ColumnSet,
        part: Column,
    ) -> Result<T> {
        if parts.contains(part) {
            from_json(part.column().unwrap_or_default(), self.next()?)
        } else {
            Ok(T::default())
        }
    }

    fn seller(&mut self, id: Uuid) -> Result<User> {
        Ok(User {
            id,
            display_name: self.next()?,
            points: self.next()?,
            verified: self.next()?,
            member_since: self.next()?,
        })
    }

    /// The picture of this row, where the gig has any.
    fn image(&mut self, gig_id: Uuid, owner_id: Uuid) -> Result<Option<GigImage>> {
        let id: Option<Uuid> = self.next()?;
        let Some(id) = id else { return Ok(None) };
        Ok(Some(GigImage {
            id,
            owner_id,
            gig_id: Some(gig_id),
            width: self.next()?,
            height: self.next()?,
            byte_size: self.next()?,
        }))
    }
}
