//! A gig as a list reads it: the columns that the client selected, with the seller and the images in the same
//! statement.
//!
//! A row is read by column index, which is cheaper than by name. So [`RowLayout::read_gig`] must read exactly
//! the columns that [`RowLayout::write`] selects, in the same order: [`FIXED_COLUMNS`], `status`, the
//! variants of [`Column`] in their order of declaration, the relevance, [`SELLER_COLUMNS`],
//! [`IMAGE_COLUMNS`]. Two swapped columns of the same type compile, but fail the test
//! `every_field_in_a_list_equals_the_field_of_the_gig`.
//!
//! To add a column of `gig` to the lists (`src/graphql/mod.rs` has all steps):
//!
//! 1. Add a variant to [`Column`]: before `Version` for a field of `GigContent`, before `Seller` for any
//!    other. Its name in snake case must be the name of the SQL column and of the GraphQL field.
//! 2. Add a line to [`RowLayout::read_gig`] at the place of the variant: `reader.column`, or `reader.json`
//!    for JSON.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use enumset::{EnumSet, EnumSetType};
use sea_orm::{QueryResult, TryGetable};

use crate::domain::gig::{Gig, GigContent, GigStatus};
use crate::domain::gig_filter::GigOrder;
use crate::domain::id::{GigId, ImageId, UserId};
use crate::domain::image::GigImage;
use crate::domain::money::Money;
use crate::domain::user::User;
use crate::store::pagination::PageKey;
use crate::store::sql::Sql;
use crate::store::{Result, from_json, parse};

/// A part of a gig that a list reads only if the client selects it. Every list reads [`FIXED_COLUMNS`].
///
/// The name of a variant in snake case is its SQL column (except for `Seller` and `Images`, which are joined
/// tables).
#[derive(Debug, EnumSetType, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
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
    /// The seller, with all fields.
    Seller,
    /// The images, in order.
    Images,
}

pub type ColumnSet = EnumSet<Column>;

/// A gig of a list. Columns that were not read have their default value.
#[derive(Debug, Clone)]
pub struct GigRow {
    pub gig: Gig,
    /// `None` if the list was read without [`Column::Seller`].
    pub seller: Option<User>,
    /// `None` if the list was read without [`Column::Images`].
    pub images: Option<Vec<GigImage>>,
}

impl From<Gig> for GigRow {
    /// The row of a gig that was read alone, with all of its columns.
    fn from(gig: Gig) -> Self {
        Self { gig, seller: None, images: None }
    }
}

/// The columns of the rows of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLayout {
    pub columns: ColumnSet,
    pub order: GigOrder,
    /// Whether the list has only ACTIVE gigs, so that their status need not be read.
    pub is_listed: bool,
}

const FIXED_COLUMNS: [&str; 5] = ["id", "seller_id", "category_id", "price_cents", "published_at"];
const SELLER_COLUMNS: [&str; 4] =
    ["seller.display_name", "seller.points", "seller.verified_at IS NOT NULL", "seller.created_at"];
const IMAGE_COLUMNS: [&str; 7] = [
    "image.id",
    "image.width",
    "image.height",
    "image.byte_size",
    "image.alt_text",
    "image.placeholder",
    "image.variants_version",
];

impl Column {
    /// The name of the column of the table `gig`; `None` for joined tables.
    fn sql_name(self) -> Option<&'static str> {
        (!matches!(self, Self::Seller | Self::Images)).then(|| self.into())
    }
}

impl RowLayout {
    pub fn new(mut columns: ColumnSet, order: GigOrder, is_listed: bool) -> Self {
        if order == GigOrder::CreatedNewest {
            columns.insert(Column::CreatedAt);
        }
        Self { columns, order, is_listed }
    }

    /// The columns of the table `gig`, in the order in which [`Reader`] reads them.
    pub fn gig_columns(self) -> impl Iterator<Item = &'static str> + use<> {
        let status = (!self.is_listed).then_some("status");
        FIXED_COLUMNS.into_iter().chain(status).chain(self.columns.iter().filter_map(Column::sql_name))
    }

    /// Writes a statement that reads the gigs of the subquery which `write_gigs` writes, with the joined
    /// tables.
    pub fn write(self, sql: &mut Sql, order: &str, write_gigs: impl FnOnce(&mut Sql)) {
        let relevance = (self.order == GigOrder::Relevance).then_some("relevance");
        sql.push("SELECT ")
            .push_list(self.gig_columns().chain(relevance).map(|column| format!("gig.{column}")));
        if self.columns.contains(Column::Seller) {
            sql.push(", ").push_list(SELLER_COLUMNS);
        }
        if self.columns.contains(Column::Images) {
            sql.push(", ").push_list(IMAGE_COLUMNS);
        }
        sql.push(" FROM (");
        write_gigs(sql);
        sql.push(") AS gig");
        if self.columns.contains(Column::Seller) {
            sql.push(" JOIN \"user\" AS seller ON seller.id = gig.seller_id");
        }
        if self.columns.contains(Column::Images) {
            sql.push(" LEFT JOIN gig_image AS image ON image.gig_id = gig.id");
        }
        sql.push(" ORDER BY ").push(order);
        if self.columns.contains(Column::Images) {
            sql.push(", image.ordinal");
        }
    }

    /// Reads the gigs. A gig with several images has one row for each image.
    pub fn read(self, rows: &[QueryResult]) -> Result<Vec<(PageKey, Arc<GigRow>)>> {
        let mut gigs: Vec<(PageKey, GigRow)> = Vec::with_capacity(rows.len());
        for row in rows {
            let mut reader = Reader { row, next_index: 0 };
            let id: GigId = reader.next()?;
            match gigs.last_mut() {
                Some((key, gig_row)) if key.id == id.uuid() => {
                    reader.next_index = self.image_offset();
                    let owner_id = gig_row.gig.seller_id;
                    gig_row.images.get_or_insert_default().extend(reader.image(id, owner_id)?);
                }
                _ => gigs.push(self.read_gig(id, &mut reader)?),
            }
        }
        Ok(gigs.into_iter().map(|(key, gig_row)| (key, Arc::new(gig_row))).collect())
    }

    /// The index of the first of [`IMAGE_COLUMNS`].
    fn image_offset(self) -> usize {
        let relevance = usize::from(self.order == GigOrder::Relevance);
        let seller = if self.columns.contains(Column::Seller) { SELLER_COLUMNS.len() } else { 0 };
        self.gig_columns().count() + relevance + seller
    }

    /// Reads a row, in the order in which [`write`](Self::write) selects the columns.
    fn read_gig(self, id: GigId, reader: &mut Reader<'_>) -> Result<(PageKey, GigRow)> {
        let columns = self.columns;
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
            // From here on, the fields are in the order in which `Column` declares its variants. A
            // `ColumnSet` is iterated in that order.
            content: GigContent {
                category_id,
                price: Money::from_cents(price_cents),
                title: reader.column(columns, Column::Title)?,
                description: reader.column(columns, Column::Description)?,
                delivery_days: reader.column(columns, Column::DeliveryDays)?,
                revisions: reader.column(columns, Column::Revisions)?,
                tags: reader.json(columns, Column::Tags)?,
                links: reader.json(columns, Column::Links)?,
            },
            version: reader.column(columns, Column::Version)?,
            created_at: reader.column(columns, Column::CreatedAt)?,
            submitted_at: reader.column(columns, Column::SubmittedAt)?,
            review_due_at: reader.column(columns, Column::ReviewDueAt)?,
            review_reasons: reader.json(columns, Column::ReviewReasons)?,
        };
        let micros = published_at.unwrap_or_default().timestamp_micros();
        let values = match self.order {
            GigOrder::Newest | GigOrder::Oldest => vec![micros],
            GigOrder::CreatedNewest => vec![gig.created_at.timestamp_micros()],
            GigOrder::PriceLowest | GigOrder::PriceHighest => vec![price_cents],
            GigOrder::Relevance => vec![i64::from(reader.next::<i32>()?), micros],
        };
        let seller = columns.contains(Column::Seller).then(|| reader.seller(seller_id)).transpose()?;
        let image = columns.contains(Column::Images).then(|| reader.image(id, seller_id)).transpose()?;
        let images = image.map(|first| first.into_iter().collect());
        Ok((PageKey { order: self.order.into(), values, id: id.uuid() }, GigRow { gig, seller, images }))
    }
}

/// Reads the columns of a row from left to right.
struct Reader<'a> {
    row: &'a QueryResult,
    next_index: usize,
}

impl Reader<'_> {
    fn next<T: TryGetable>(&mut self) -> Result<T> {
        self.next_index += 1;
        self.row.try_get_by_index(self.next_index - 1)
    }

    /// Reads the column; its default value if it was not selected.
    fn column<T: TryGetable + Default>(&mut self, columns: ColumnSet, column: Column) -> Result<T> {
        if columns.contains(column) { self.next() } else { Ok(T::default()) }
    }

    /// Reads a JSON column; its default value if it was not selected.
    fn json<T: serde::de::DeserializeOwned + Default>(
        &mut self,
        columns: ColumnSet,
        column: Column,
    ) -> Result<T> {
        if columns.contains(column) {
            from_json(column.sql_name().unwrap_or_default(), self.next()?)
        } else {
            Ok(T::default())
        }
    }

    fn seller(&mut self, id: UserId) -> Result<User> {
        Ok(User {
            id,
            display_name: self.next()?,
            points: self.next()?,
            verified: self.next()?,
            member_since: self.next()?,
        })
    }

    /// The image of this row; `None` if the gig has no images.
    fn image(&mut self, gig_id: GigId, owner_id: UserId) -> Result<Option<GigImage>> {
        let id: Option<ImageId> = self.next()?;
        let Some(id) = id else { return Ok(None) };
        Ok(Some(GigImage {
            id,
            owner_id,
            gig_id: Some(gig_id),
            width: self.next()?,
            height: self.next()?,
            byte_size: self.next()?,
            alt_text: self.next()?,
            placeholder: self.next()?,
            variants_version: self.next()?,
        }))
    }
}
