//! The metadata of EXIF that change how an image looks. All others are dropped.

use exif::{Context, In, Reader, Tag, Value};

/// Whether the metadata say that the colours are those of Adobe RGB (1998). Cameras that write it embed no profile:
/// the colour space is "uncalibrated", and the rules for interoperability are those of `R03`. Some write colour space 2.
pub fn is_adobe_rgb(metadata: &[u8]) -> bool {
    let read = Reader::new().continue_on_error(true).read_raw(metadata.to_vec());
    let Ok(fields) = read.or_else(|error| error.distill_partial_result(|_| ())) else { return false };
    let color_space =
        fields.get_field(Tag::ColorSpace, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    let interoperability = Tag(Context::Interop, 1);
    let is_r03 = fields.get_field(interoperability, In::PRIMARY).is_some_and(|field| {
        matches!(&field.value, Value::Ascii(texts) if texts.iter().any(|text| text.starts_with(b"R03")))
    });
    color_space == Some(2) || (is_r03 && color_space != Some(1))
}
