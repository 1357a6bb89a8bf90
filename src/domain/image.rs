//! Images of gigs.

use crate::domain::id::{GigId, ImageId, UserId};
use crate::domain::limits::GigLimits;
use crate::domain::text::normalize_text;
use crate::domain::violation::Validator;

/// The widths in which clients can load an image, in pixels. The last one is the most that an image can have.
pub const WIDTHS: [i32; 5] = [160, 320, 640, 1024, 2048];

/// The version of the copies in these widths. It is a part of their URLs, which so change with their content. Raise it
/// when the copies change: a background job makes those of lower versions again.
///
/// 2: a copy is never narrower than its name, and images of at most 1024 pixels have a JPEG of limited size in their full
/// width.
pub const VARIANTS_VERSION: i32 = 2;

/// The version of an image of which no copies can be made, because its file is damaged.
pub const NO_VARIANTS: i32 = 0;

/// The versions of images whose copies are to be made, or made again.
pub fn outdated_variants() -> impl Iterator<Item = Option<i32>> {
    std::iter::once(None).chain((NO_VARIANTS + 1..VARIANTS_VERSION).map(Some))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigImage {
    pub id: ImageId,
    pub owner_id: UserId,
    /// The gig that the image belongs to, if any.
    pub gig_id: Option<GigId>,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    pub byte_size: i32,
    /// What the image shows, in words; empty if it is only decoration.
    pub alt_text: Option<String>,
    /// A thumbhash in base64; `None` until it is made.
    pub placeholder: Option<String>,
    /// The version of the copies in smaller widths; `None` until they are made, [`NO_VARIANTS`] if that fails.
    pub variants_version: Option<i32>,
}

impl GigImage {
    /// The version of the copies, if there are any.
    pub fn variants(&self) -> Option<i32> {
        self.variants_version.filter(|version| *version != NO_VARIANTS)
    }

    /// The smallest width of the image that is at least `width`; the largest if there is none.
    pub fn nearest_width(&self, width: i32) -> i32 {
        let mut smaller = WIDTHS.into_iter().filter(|candidate| *candidate < self.width);
        smaller.find(|candidate| *candidate >= width).unwrap_or(self.width)
    }

    /// Whether the image has this width. An image is never enlarged.
    pub fn has_width(&self, width: i32) -> bool {
        self.nearest_width(width) == width
    }
}

/// Checks an alternative text; violations go to `validator`.
pub fn check_alt_text(text: Option<String>, limits: &GigLimits, validator: &mut Validator) -> Option<String> {
    let text = text.map(|text| normalize_text(&text))?;
    validator.check_text("altText", "The alternative text", &text, 0, limits.alt_text_max_chars);
    Some(text)
}

/// How long an image that belongs to no gig is stored.
pub const UNATTACHED_IMAGE_LIFETIME: chrono::TimeDelta = chrono::TimeDelta::hours(24);

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_nearest_width_is_at_least_as_wide_if_the_image_is() {
        for (width, expected) in [
            (
                2048,
                [(1, 160), (160, 160), (161, 320), (641, 1024), (1025, 2048), (2048, 2048), (i32::MAX, 2048)],
            ),
            (
                1000,
                [(1, 160), (160, 160), (161, 320), (641, 1000), (1025, 1000), (2048, 1000), (i32::MAX, 1000)],
            ),
            (160, [(1, 160), (160, 160), (161, 160), (641, 160), (1025, 160), (2048, 160), (i32::MAX, 160)]),
            (64, [(1, 64), (160, 64), (161, 64), (641, 64), (1025, 64), (2048, 64), (i32::MAX, 64)]),
        ] {
            let image = GigImage {
                id: ImageId::from_uuid(Uuid::max()),
                owner_id: UserId::from_uuid(Uuid::max()),
                gig_id: None,
                width,
                height: 10,
                byte_size: 1,
                alt_text: None,
                placeholder: None,
                variants_version: None,
            };
            for (asked, nearest) in expected {
                assert_eq!(image.nearest_width(asked), nearest, "{asked} of {width}");
                assert!(image.has_width(nearest));
                assert_eq!(image.has_width(asked), asked == nearest);
            }
        }
    }

    #[test]
    fn an_alternative_text_is_normalized_and_limited() {
        let check = |text: &str| {
            let mut validator = Validator::default();
            let text = check_alt_text(Some(text.to_owned()), &GigLimits::default(), &mut validator);
            validator.finish().map(|()| text)
        };
        assert_eq!(check("  A logo \n"), Ok(Some("A logo".to_owned())));
        assert_eq!(check(""), Ok(Some(String::new())));
        assert!(check(&"\u{e9}".repeat(200)).is_ok());
        for invalid in ["x".repeat(201), "a\0b".to_owned(), "a\u{202e}b".to_owned()] {
            assert_eq!(check(&invalid).unwrap_err()[0].field, ["altText"], "{invalid:?}");
        }
        assert_eq!(check_alt_text(None, &GigLimits::default(), &mut Validator::default()), None);
    }
}
