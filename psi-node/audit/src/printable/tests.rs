use super::{json, line, lines};

/// `Bidi_Control` of Unicode 17, from `PropList.txt`.
const BIDI_CONTROL: &[(u32, u32)] = &[
    (0x061c, 0x061c),
    (0x200e, 0x200f),
    (0x202a, 0x202e),
    (0x2066, 0x2069),
];

/// `Default_Ignorable_Code_Point` of Unicode 17, from `DerivedCoreProperties.txt`.
const DEFAULT_IGNORABLE: &[(u32, u32)] = &[
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfff8),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

/// The other characters of the categories Cc, Cf, Zl, Zp and Zs, but U+0020.
const CONTROL_FORMAT_BLANK: &[(u32, u32)] = &[
    (0x0000, 0x001f),
    (0x007f, 0x009f),
    (0x00a0, 0x00a0),
    (0x0600, 0x0605),
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0xfff9, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0x10_ffff, 0x10_ffff),
];

#[test]
fn nothing_that_does_not_show_reaches_the_reader_wherever_it_stands() {
    let tables = [BIDI_CONTROL, DEFAULT_IGNORABLE, CONTROL_FORMAT_BLANK];
    let ranges = tables.into_iter().flatten();
    for c in ranges.flat_map(|(low, high)| *low..=*high) {
        let c = char::from_u32(c).unwrap();
        let escaped = format!("\\u{{{:x}}}", u32::from(c));
        assert_eq!(line(&format!("{c}a")), format!("{escaped}a"));
        assert_eq!(line(&format!("a{c}")), format!("a{escaped}"));
        assert_eq!(line(&format!(" {c}")), format!(" {escaped}"));
    }
}

#[test]
fn letters_of_all_scripts_stay_as_they_are() {
    for text in [
        "",
        "SELECT COUNT(*) FROM a.t JOIN b.u ON a.t.k = b.u.k WHERE a.t.x LIKE '50!%' -- \\d+",
        "Zürich, Kraków, İstanbul, Çeşme",
        // Accents as marks of their own.
        "Zu\u{308}rich e\u{301}\u{323}",
        "Αθήνα Москва Київ Ереван თბილისი",
        "القاهرة תל־אביב تهران",
        "नई दिल्ली ঢাকা சென்னை กรุงเทพมหานคร ភ្នំពេញ",
        "東京 서울 北京 ひらがな カタカナ",
        "አዲስ አበባ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ",
        "1 ½ € → ≤ ✓ 😀 𝔸",
        "C:\\users\\u",
    ] {
        assert_eq!(line(text), text);
        assert_eq!(lines(text), text);
        assert_eq!(json(text), text);
    }
}

#[test]
fn a_mark_stays_behind_a_letter_alone() {
    for (text, shown) in [
        ("\u{301}a", "\\u{301}a"),
        ("a =\u{338} b", "a =\\u{338} b"),
        ("'\u{20dd}", "'\\u{20dd}"),
        (" \u{301}", " \\u{301}"),
        ("\u{202e}\u{301}", "\\u{202e}\\u{301}"),
        ("a\u{301}\u{302}", "a\u{301}\u{302}"),
        ("7\u{338}", "7\u{338}"),
    ] {
        assert_eq!(line(text), shown);
    }
}

#[test]
fn what_looks_like_an_escape_is_not_taken_for_one() {
    let texts = [
        "\u{202e}",
        "\\u{202e}",
        "\\\u{202e}",
        "\\\\u{202e}",
        "\\u{5c}u{202e}",
        "\\\\\u{202e}",
    ];
    assert_eq!(line(texts[0]), "\\u{202e}");
    assert_eq!(line(texts[1]), "\\u{5c}u{202e}");
    let shown: std::collections::BTreeSet<String> = texts.iter().map(|text| line(text)).collect();
    assert_eq!(shown.len(), texts.len());
}

#[test]
fn a_terminal_is_not_driven_and_a_line_not_forged() {
    assert_eq!(
        line("a\u{1b}[2Jb\r\nhelp: c\u{9b}1A\u{7f}"),
        "a\\u{1b}[2Jb\\u{d}\\u{a}help: c\\u{9b}1A\\u{7f}"
    );
    assert_eq!(lines("a\u{1b}\nb\r\n"), "a\\u{1b}\nb\\u{d}\n");
}

#[test]
fn json_says_the_same_in_escapes() {
    let text = "a\u{202e}b\u{e0041}\u{7f}\u{a0}\n\t\"\\u{202e} é 東京";
    let document = serde_json::to_string_pretty(&serde_json::json!({ "query": text })).unwrap();
    let shown = json(&document);
    assert!(
        shown.contains("a\\u202eb\\udb40\\udc41\\u007f\\u00a0\\n\\t"),
        "{shown}"
    );
    assert!(shown.contains("é 東京"), "{shown}");
    assert!(shown.starts_with("{\n  \"query\""), "{shown}");
    let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(read["query"], text);
}
