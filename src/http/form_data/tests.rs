use super::*;

fn text(value: &str) -> FormValue {
    FormValue::Text(value.to_owned())
}

fn multipart(content_type: &str, body: &str) -> Result<FormFields, FormError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    BodyType(content_type).read_form(&body)
}

fn read(body: &str) -> Result<FormFields, FormError> {
    multipart("multipart/form-data; boundary=\"b;1\"", body)
}

#[test]
fn parameters_may_be_quoted() {
    let body_type =
        BodyType("Multipart/Form-Data; CHARSET = latin-1; boundary=\"a;b\"; boundary=c");
    assert!(body_type.is("multipart/form-data"));
    assert_eq!(body_type.parameter("charset"), Some("latin-1"));
    assert_eq!(body_type.parameter("boundary"), Some("c"));
    assert_eq!(BodyType("a/b; x=\"y;z\"").parameter("x"), Some("y;z"));
    assert_eq!(BodyType("a/b").parameter("x"), None);
}

#[test]
fn parts_are_texts_or_files() {
    let body = "preamble\r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nada@example.com\r\n\
        --b;1\r\ncontent-disposition: form-data; name=empty; filename=\"\"\r\n\r\n \r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n\u{fffd}\r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"other\"; filename*=UTF-8''a.png\r\n\r\nx\r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"secret\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\naG9y\r\nc2U=\r\n\
        --b;1\r\nContent-Disposition: FORM-DATA; NAME=\"Upper\"\r\n\r\nx\r\n\
        --b;1\r\nContent-Disposition: FORM-DATA; NAME=\"image\"; FILENAME=\"a.png\"\r\n\r\nx\r\n\
        --b;1\r\nContent-Type: text/plain\r\n\r\nnameless\r\n\
        --b;1--\r\nepilogue\r\n--b;1\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\nx";
    let expected = [
        ("email", text("ada@example.com")),
        ("empty", text(" ")),
        ("picture", FormValue::File),
        ("other", FormValue::File),
        ("secret", text("horse")),
        ("Upper", text("x")),
        ("image", FormValue::File),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(read(body).unwrap(), expected);
}

#[test]
fn a_body_that_breaks_off_counts_as_far_as_it_goes() {
    let whole = "--b;1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2";
    let fields = read(whole).unwrap();
    assert_eq!(last_text(&fields, "a"), Some("1"));
    assert_eq!(last_text(&fields, "b"), Some("2"));
    for end in 0..whole.len() {
        let fields = read(&whole[..end]).unwrap();
        assert!(fields.len() <= 2, "{fields:?}");
    }
    for garbage in [
        "{}",
        "--b;1",
        "--b;1\r\n",
        "\r\n\r\n",
        "--b;1\r\n\r\n\r\n",
        "--b;1--",
    ] {
        assert_eq!(read(garbage), Ok(FormFields::new()), "{garbage:?}");
    }
}

#[test]
fn the_number_and_the_size_of_the_parts_are_limited() {
    let part = |extra: &str| {
        format!("--b;1\r\nContent-Disposition: form-data; name=\"a\"{extra}\r\n\r\n1\r\n")
    };
    let is_too_much = |body: &str| read(body).unwrap_err();
    assert_eq!(
        is_too_much(&part("").repeat(1001)),
        FormError::TooManyFields
    );
    assert_eq!(read(&part("").repeat(1000)).unwrap().len(), 1000);
    let files = part("; filename=\"a\"").repeat(101);
    assert_eq!(is_too_much(&files), FormError::TooManyFiles);
    let long = part(&format!("; x=\"{}\"", "y".repeat(1000)));
    assert_eq!(is_too_much(&long), FormError::PartHeaders);
    let pairs = Bytes::from("a=1&".repeat(1000));
    let urlencoded = BodyType("application/x-www-form-urlencoded");
    let fields = urlencoded.read_form(&pairs);
    assert_eq!(fields, Err(FormError::TooManyFields));
}

#[test]
fn a_boundary_is_required() {
    for (content_type, boundary) in [
        ("multipart/form-data", "None"),
        ("multipart/form-data; boundary=", ""),
        ("multipart/form-data; boundary=\"a \"", "a "),
        ("multipart/form-data; boundary=\"\u{1}a\"", "\u{1}a"),
    ] {
        let expected = FormError::Boundary(boundary.to_owned());
        assert_eq!(
            multipart(content_type, "x"),
            Err(expected),
            "{content_type}"
        );
    }
}

#[test]
fn pairs_are_decoded_in_the_charset() {
    for (charset, body, name, value) in [
        ("utf-8", &b"a+b=%C3%A9+%2B%zz"[..], "a b", "é +%zz"),
        ("utf-8", b"a=%E9", "a", "\u{fffd}"),
        // Invalid bytes make the whole body Latin-1, as in Django.
        ("utf-8", b"a=\xe9%C3%A9", "a", "éé"),
        ("latin-1", b"a=%E9\xe9", "a", "éé"),
        ("windows-1251", b"\xff=%FF", "я", "я"),
        ("utf-8", b"a=1&a=2&&b", "b", ""),
        ("utf-8", b"a=1&a=2", "a", "2"),
    ] {
        let charset = Charset::named(charset).unwrap();
        let fields = urlencoded(body, charset).unwrap();
        assert_eq!(last_text(&fields, name), Some(value), "{body:?}");
    }
}

#[test]
fn control_characters_in_a_name_hide_no_other_part() {
    let body = "--b;1\r\nContent-Disposition: form-data; name=\"a\u{7}\u{17}\u{7f}\"\r\n\r\n\u{7}\r\n\
        --b;1\r\nContent-Disposition: form-data; name=\"refresh\"\r\n\r\nx\r\n--b;1--";
    let expected = [("a___", text("\u{7}")), ("refresh", text("x"))];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(read(body).unwrap(), expected);
}
