import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.documents.extract import extract_html

WORDS = "The garden behind the house was full of sentences, and each of them had something to say about the weather. " * 4
CODE = 'def f(x):\n    if x < 3:\n\n        return "<script>"  # & more\n\n    return x'


def page(body, head="<title>On gardens</title>"):
    nav = '<nav><a href="/">Home</a> <a href="/about">About us</a></nav>'
    return f"<!doctype html><html lang='en-GB'><head>{head}</head><body>{nav}<article><h1>On gardens</h1><p>{WORDS}</p>{body}<p>{WORDS}</p></article><footer>Copyright forever</footer></body></html>"


def text(body, **options):
    return extract_html(page(body), "https://example.org/gardens", **options).text


def fences(markdown):
    return re.findall(r"(?ms)^\s*(`{3,})([^\n`]*)\n(.*?)\n\s*\1\s*$", markdown)


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ("<pre>{}</pre>", ""),
        ('<pre><code class="language-python">{}</code></pre>', "python"),
        ('<div class="highlight highlight-source-python"><pre>{}</pre></div>', "python"),
        ('<div class="highlight-python notranslate"><div class="highlight"><pre><span></span>{}</pre></div></div>', "python"),
        ('<pre class="brush: python; gutter: false">{}</pre>', "python"),
        ('<pre data-lang="python">{}</pre>', "python"),
        (
            '<div class="sourceCode"><pre class="sourceCode python"><code class="sourceCode python">{}</code></pre></div>',
            "python",
        ),
        ('<pre><code class="lang-none">{}</code></pre>', ""),
    ],
)
def test_code_survives_with_its_lines_indentation_and_language(markup, language):
    found = fences(text(markup.format(html.escape(CODE, quote=False))))
    assert [(lang, code) for _, lang, code in found] == [(language, CODE)]


def test_code_survives_where_highlighters_wrap_each_line():
    lines = "".join(f'<span class="line"><span class="k">{line}</span></span><br>' for line in ("if x:", "    y()", "", "z()"))
    assert "```\nif x:\n    y()\n\nz()\n```" in text(f"<pre><code>{lines}</code></pre>")
    divs = "".join(f"<div>{line}</div>" for line in ("if x:", "    y()"))
    assert "```\nif x:\n    y()\n```" in text(f"<pre><code>{divs}</code></pre>")


def test_line_numbers_beside_code_are_no_part_of_it():
    table = '<figure class="highlight"><table><tr><td class="gutter"><pre>1\n2</pre></td><td class="code"><pre>one\n  two</pre></td></tr></table></figure>'
    assert "```\none\n  two\n```" in text(table)
    assert "1\n2" not in text(table)
    inline = '<pre><code><span class="lineno">1</span>one\n<span class="lineno">2</span>  two</code><button>Copy</button></pre>'
    assert "```\none\n  two\n```" in text(inline)


def test_code_that_holds_a_fence_gets_a_longer_one():
    assert "````\n```\nx\n```\n````" in text("<pre>```\nx\n```</pre>")


def test_code_in_a_list_stays_with_its_item():
    assert "- run it\n\n  ```\n  if x:\n      y()\n  ```" in text(
        "<ul><li><p>run it</p><pre>if x:\n    y()</pre></li><li>then rest</li></ul>"
    )


def test_code_in_a_table_is_shown_whole_below_it():
    out = text("<table><tr><th>name</th><th>code</th></tr><tr><td>loop</td><td><pre>for x in y:\n    z</pre></td></tr></table>")
    assert "| loop | `for x in y:` |" in out
    assert "```\nfor x in y:\n    z\n```" in out


def test_inline_code_is_one_line_and_keeps_its_underscores():
    out = text("<p>Call <code>snake_case_name\n   (x)</code> with a_b_c and *stars* or [brackets] if 1 &lt; 2.</p>")
    assert "`snake_case_name (x)` with a_b_c and *stars* or [brackets] if 1 < 2." in out


def test_lists_tables_headings_and_line_breaks_survive():
    out = text(
        "<h2>Tools <a class='headerlink' href='#tools'>¶</a></h2><ul><li>one<ul><li>deeper<ol><li>deepest</li></ol></li></ul></li><li>two</li></ul>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>x|y</td><td>first<br>second</td></tr></table><p>first line<br>second line</p>"
    )
    assert "## Tools\n" in out
    assert "- one\n  - deeper\n    1. deepest\n- two" in out
    assert "| x\\|y | first second |" in out
    assert re.search(r"first line\n+second line", out)


def test_what_stands_around_the_text_is_left_out():
    out = text("")
    assert "About us" not in out
    assert "Copyright" not in out


def test_metadata_is_read():
    head = (
        "<title>On gardens | Blog</title><meta name='author' content='Ada Author'>"
        "<meta property='article:published_time' content='2024-03-05T10:00:00Z'>"
    )
    found = extract_html(page("", head), "https://example.org/gardens")
    assert (found.title, found.author, found.published, found.language) == (
        "On gardens",
        "Ada Author",
        "2024-03-05T10:00:00Z",
        "en",
    )


def test_no_markup_of_the_page_survives_as_markup():
    out = text(
        "<script>alert(1)</script><p>Write &lt;script&gt;alert(2)&lt;/script&gt; and &amp;lt;b&amp;gt; H<sub>2</sub>O <u>so</u>.</p>"
    )
    assert "alert(1)" not in out
    assert "\\<script>alert(2)\\</script> and &lt;b&gt; H2O so." in out
    for whole in (True, False):
        assert not re.search(
            r"(?<!\\)<[a-z/]", text("<p>x</p><p onclick='evil()'>&lt;img src=x onerror=y&gt;</p>", whole=whole)
        )


def test_short_posts_are_taken_whole():
    found = extract_html("<body><nav>Home</nav><p>Only a <b>short</b> post.<br>Two lines.</p></body>")
    assert found.text == "Only a **short** post.\nTwo lines."


def test_a_fragment_is_taken_whole():
    out = extract_html(f"<p>Subscribe!</p><p>{WORDS}</p><aside>An aside.</aside><pre>x\n  y</pre>", whole=True).text
    assert "Subscribe!" in out
    assert "An aside." in out
    assert "```\nx\n  y\n```" in out


@pytest.mark.parametrize(
    "bad",
    ["", " ", "\0", "<", "<!-- -->", "<?xml version='1.0' encoding='utf-16'?>", "plain words", "<pre>", "</p>", "<table><td>"],
)
def test_bad_html_is_no_error(bad):
    assert not re.search("<[a-z!?/]", extract_html(bad).text)


def test_an_xml_declaration_does_not_hide_the_page():
    assert "full of sentences" in extract_html("<?xml version='1.0' encoding='latin-1'?>" + page("")).text


def test_deep_nesting_is_survived():
    out = extract_html("<div>" * 3000 + "<p>down here</p><pre>a\n b</pre>" + "</div>" * 3000).text
    assert "down here" in out or out == ""


def test_a_page_too_large_for_converters_keeps_all_its_text():
    body = (
        "<h2>Head</h2><ul><li>one<li>two</ul><p>x<br>y</p><pre>a\n  b</pre><table><tr><td>1<td>2</table>" + "<i>z</i>" * 60_000
    )
    out = extract_html(f"<nav>Home</nav><main>{body}</main>", "https://example.org/").text
    assert out.startswith("## Head\n\n- one\n- two\n\nx\ny\n\n```\na\n  b\n```\n\n1 | 2 |")
    assert out.endswith("z" * 60_000)


def test_a_fence_or_tag_left_open_lets_no_markup_through():
    cell = text("<table><tr><td><code>f(x) <pre>a ` &lt;script&gt;</pre></code></td></tr></table>")
    assert "f(x) `` a ` <script> ``" in cell
    out = text("<code><p>one</p><p>&lt;script&gt;x&lt;/script&gt;</p><pre>a<p>&lt;b&gt;")
    assert not re.search(r"(?m)^[^`]*(?<!\\)<script", out)


def test_a_page_cannot_name_a_placeholder():
    assert "```" not in text("<p>Zq00000000n0qZ and Zqn0qZ</p>")


TAGS = """p div pre code ul ol li table tr td th h1 h2 blockquote span b i a br img script style nav article section figure dl dt dd
sub textarea svg"""
tags = st.sampled_from(TAGS.split())
pieces = st.recursive(
    st.text(st.characters(codec="utf-8"), max_size=20).map(html.escape) | st.text(max_size=8),
    lambda inner: st.tuples(tags, st.lists(inner, max_size=4)).map(lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(pieces, st.booleans())
def test_extraction_never_raises(markup, whole):
    found = extract_html(markup, "https://example.org/", whole=whole)
    found.text.encode()


lines = st.text(st.sampled_from("ab _*`<>&|#-\\[]{}()~=\"'"), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(lines, min_size=1, max_size=6).map("\n".join), min_size=1, max_size=3), st.booleans())
def test_no_character_of_code_is_lost(blocks, whole):
    blocks = [f"x{block}y" for block in blocks]
    out = text("".join(f"<p>{WORDS}</p><pre>{html.escape(block)}</pre>" for block in blocks), whole=whole)
    assert [code for _, _, code in fences(out)] == blocks or all(block in out for block in blocks)
