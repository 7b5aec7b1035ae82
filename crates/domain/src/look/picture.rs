//! A tenant's picture, taken apart into its pixels and put together anew: what people load was made
//! here, whatever was uploaded (SEC-158).
//!
//! Small pictures only: size and pixels are bounded before anything is decoded, so neither memory
//! nor time depends on what a picture claims to be.

use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image_webp::{ColorType as WebpColour, WebPDecoder, WebPEncoder};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Limits, Transformations};

/// The longest picture, in characters of its URL: the page stays below 30 KiB.
pub(crate) const LONGEST: usize = 10_240;

/// The most pixels of a side.
const SIDE: u32 = 256;

/// What decoding may take besides the pixels themselves, in bytes.
const ROOM: usize = 4 << 20;

const PNG: &str = "data:image/png;base64,";
const WEBP: &str = "data:image/webp;base64,";

/// Why a picture is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flawed {
    /// Not a PNG or WebP picture in a `data` URL, or not all of one
    #[error("not a whole PNG or WebP picture as a data URL")]
    NotAPicture,
    /// Longer than [`LONGEST`] characters, as it came or as it was put together anew
    #[error("longer than 10 KiB")]
    TooLong,
    /// A side of more than [`SIDE`] pixels
    #[error("wider or higher than 256 pixels")]
    TooLarge,
}

/// Red, green, blue and how opaque, of each pixel.
struct Pixels {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

/// The same picture as a `data` URL that was made here. The same text comes of the same picture.
pub fn redrawn(url: &str) -> Result<String, Flawed> {
    if url.len() > LONGEST {
        return Err(Flawed::TooLong);
    }
    let bytes = |data: &str| BASE64_STANDARD.decode(data).map_err(|_| Flawed::NotAPicture);
    let pixels = match (url.strip_prefix(PNG), url.strip_prefix(WEBP)) {
        (Some(data), _) => of_png(&bytes(data)?),
        (_, Some(data)) => of_webp(&bytes(data)?),
        _ => Err(Flawed::NotAPicture),
    }?;
    let png = to_png(&pixels).map(|bytes| format!("{PNG}{}", BASE64_STANDARD.encode(bytes)));
    let webp = to_webp(&pixels).map(|bytes| format!("{WEBP}{}", BASE64_STANDARD.encode(bytes)));
    let shorter = png.into_iter().chain(webp).min_by_key(String::len);
    shorter.filter(|url| url.len() <= LONGEST).ok_or(Flawed::TooLong)
}

fn of_png(bytes: &[u8]) -> Result<Pixels, Flawed> {
    let bad = |_| Flawed::NotAPicture;
    let limits = Limits { bytes: ROOM };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let header = decoder.read_header_info().map_err(bad)?;
    let (width, height) = bounded(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(bad)?;
    let size = reader.output_buffer_size().ok_or(Flawed::TooLarge)?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(bad)?;
    reader.finish().map_err(bad)?;
    buffer.truncate(frame.buffer_size());
    let rgba = match frame.color_type {
        ColorType::Rgba => buffer,
        ColorType::GrayscaleAlpha => {
            buffer.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
        }
        _ => return Err(Flawed::NotAPicture),
    };
    whole(Pixels { width, height, rgba })
}

fn of_webp(bytes: &[u8]) -> Result<Pixels, Flawed> {
    let bad = |_| Flawed::NotAPicture;
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(bad)?;
    decoder.set_memory_limit(ROOM);
    let (width, height) = decoder.dimensions();
    let (width, height) = bounded(width, height)?;
    let mut buffer = vec![0; decoder.output_buffer_size().ok_or(Flawed::TooLarge)?];
    decoder.read_image(&mut buffer).map_err(bad)?;
    let rgba = match decoder.has_alpha() {
        true => buffer,
        false => buffer.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
    };
    whole(Pixels { width, height, rgba })
}

fn bounded(width: u32, height: u32) -> Result<(u32, u32), Flawed> {
    if width == 0 || height == 0 {
        return Err(Flawed::NotAPicture);
    }
    if width > SIDE || height > SIDE { Err(Flawed::TooLarge) } else { Ok((width, height)) }
}

/// Every pixel is there, and none beside them.
fn whole(pixels: Pixels) -> Result<Pixels, Flawed> {
    let count = pixels.width as usize * pixels.height as usize;
    if pixels.rgba.len() == 4 * count { Ok(pixels) } else { Err(Flawed::NotAPicture) }
}

fn to_png(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, pixels.width, pixels.height);
    encoder.set_color(ColorType::Rgba);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels.rgba).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

fn to_webp(pixels: &Pixels) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = WebPEncoder::new(&mut bytes);
    encoder.encode(&pixels.rgba, pixels.width, pixels.height, WebpColour::Rgba8).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn square(side: u32) -> Pixels {
        let rgba = (0..side * side)
            .flat_map(|n| [n.to_le_bytes()[0], n.to_le_bytes()[1], 90, 255])
            .collect();
        Pixels { width: side, height: side, rgba }
    }

    fn png_url(bytes: &[u8]) -> String {
        format!("{PNG}{}", BASE64_STANDARD.encode(bytes))
    }

    fn webp_url(bytes: &[u8]) -> String {
        format!("{WEBP}{}", BASE64_STANDARD.encode(bytes))
    }

    fn decoded(url: &str) -> Pixels {
        let data = |kind| url.strip_prefix(kind).map(|d| BASE64_STANDARD.decode(d).unwrap());
        match data(PNG) {
            Some(bytes) => of_png(&bytes).unwrap(),
            None => of_webp(&data(WEBP).unwrap()).unwrap(),
        }
    }

    #[test]
    fn sec_158_a_logo_is_put_together_anew_and_looks_the_same() {
        let picture = square(16);
        for url in [png_url(&to_png(&picture).unwrap()), webp_url(&to_webp(&picture).unwrap())] {
            let made = redrawn(&url).unwrap();
            assert_eq!(decoded(&made).rgba, picture.rgba);
            assert_eq!(redrawn(&made).unwrap(), made, "and again: the same text");
        }
        // Whatever was hidden beside the pixels is gone.
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 16, 16);
        encoder.set_color(ColorType::Rgba);
        encoder
            .add_text_chunk("Comment".to_owned(), "<script>alert(1)</script>".to_owned())
            .unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&picture.rgba).unwrap();
        writer.finish().unwrap();
        bytes.extend_from_slice(b"<script>alert(2)</script>");
        let made = redrawn(&png_url(&bytes)).unwrap();
        let data = made.split(',').nth(1).unwrap();
        let made = BASE64_STANDARD.decode(data).unwrap();
        assert!(!made.windows(7).any(|part| part == b"<script"));
    }

    #[test]
    fn sec_158_pictures_in_few_colours_and_without_alpha_are_taken_too() {
        for (colour, depth, bytes) in [
            (ColorType::Grayscale, BitDepth::Eight, vec![7; 64]),
            (ColorType::Grayscale, BitDepth::One, vec![0xaa; 8]),
            (ColorType::Rgb, BitDepth::Eight, vec![7; 192]),
            (ColorType::Rgba, BitDepth::Sixteen, vec![7; 512]),
        ] {
            let mut png = Vec::new();
            let mut encoder = Encoder::new(&mut png, 8, 8);
            encoder.set_color(colour);
            encoder.set_depth(depth);
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&bytes).unwrap();
            writer.finish().unwrap();
            assert!(redrawn(&png_url(&png)).is_ok(), "{colour:?} {depth:?}");
        }
    }

    #[test]
    fn sec_158_what_is_no_small_whole_picture_is_refused() {
        let good = to_png(&square(16)).unwrap();
        assert_eq!(redrawn(&png_url(b"<html><script>")), Err(Flawed::NotAPicture));
        assert_eq!(redrawn("data:image/svg+xml;base64,PHN2Zz4="), Err(Flawed::NotAPicture));
        assert_eq!(redrawn("https://evil.example/logo.png"), Err(Flawed::NotAPicture));
        assert_eq!(redrawn(&webp_url(&good)), Err(Flawed::NotAPicture));
        for cut in [1, 8, 20, good.len() / 2, good.len() - 13] {
            assert_eq!(redrawn(&png_url(&good[..cut])), Err(Flawed::NotAPicture), "{cut}");
        }
        let webp = to_webp(&square(16)).unwrap();
        for cut in [1, 12, 20, webp.len() / 2] {
            assert_eq!(redrawn(&webp_url(&webp[..cut])), Err(Flawed::NotAPicture), "{cut}");
        }
        // Claims to be large, and is a few bytes.
        let mut huge = Vec::new();
        let encoder = Encoder::new(&mut huge, 20_000, 20_000);
        drop(encoder.write_header().unwrap());
        assert_eq!(redrawn(&png_url(&huge)), Err(Flawed::TooLarge));
        assert_eq!(redrawn(&png_url(&vec![0; LONGEST])), Err(Flawed::TooLong));
    }

    proptest! {
        /// Parsers of untrusted bytes: whatever comes, there is an answer.
        #[test]
        fn sec_193_no_bytes_make_the_decoders_panic(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..400,
            webp: bool,
        ) {
            let picture = square(16);
            let mut bytes = if webp { to_webp(&picture) } else { to_png(&picture) }.unwrap();
            let at = at.min(bytes.len());
            let end = (at + noise.len()).min(bytes.len());
            bytes.splice(at..end, noise);
            let url = if webp { webp_url(&bytes) } else { png_url(&bytes) };
            let _ = redrawn(&url);
        }
    }
}
