package slack

import (
	"html"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mrkdwn renders Slack's markup as HTML. What it does not recognise it shows as it is; nothing of the text reaches the
// page unescaped. https://docs.slack.dev/messaging/formatting-message-text
func mrkdwn(text string) template.HTML {
	var out strings.Builder
	// Code blocks first: nothing inside them is markup, not even a line that starts like a quote.
	for {
		before, rest, opened := strings.Cut(text, "```")
		code, after, closed := strings.Cut(rest, "```")
		if !opened || !closed || code == "" {
			out.WriteString(lines(text))
			return template.HTML(out.String()) //nolint:gosec // G203: all text in it went through escape
		}
		out.WriteString(lines(strings.TrimSuffix(before, "\n")))
		out.WriteString("<pre>" + escape(strings.TrimPrefix(code, "\n")) + "</pre>")
		text = strings.TrimPrefix(after, "\n")
	}
}

// lines renders text without code blocks: quotes, and line breaks between the others.
func lines(text string) string {
	if text == "" {
		return ""
	}
	var out strings.Builder
	quoted, first := false, true
	for line := range strings.SplitSeq(text, "\n") {
		rest, quote := strings.CutPrefix(line, "&gt;")
		if !quote {
			rest, quote = strings.CutPrefix(line, ">")
		}
		switch {
		case quote && !quoted:
			out.WriteString("<blockquote>")
		case !quote && quoted:
			out.WriteString("</blockquote>")
		case !first:
			out.WriteString("<br>")
		}
		if quote {
			rest = strings.TrimPrefix(rest, " ")
		}
		out.WriteString(inline(rest, 0))
		quoted, first = quote, false
	}
	if quoted {
		out.WriteString("</blockquote>")
	}
	return out.String()
}

var (
	styles  = map[byte]string{'*': "strong", '_': "em", '~': "s"}
	emoji   = regexp.MustCompile(`^:([a-z0-9_+-]+):`)
	bareURL = regexp.MustCompile(`^https?://[^\s<>|"]+`)
)

// inline renders within one line. Styles nest, but only so deep: the text may be hostile.
func inline(text string, depth int) string {
	var out strings.Builder
	hopeless := map[byte]bool{} // markers known to have no partner further on
	for i := 0; i < len(text); {
		shown, n := markup(text, i)
		if c := text[i]; n == 0 && styles[c] != "" && depth < 4 && !hopeless[c] && atWordStart(text, i) {
			end := partner(text, i)
			if hopeless[c] = end == 0; end > i+1 {
				tag := styles[c]
				shown, n = "<"+tag+">"+inline(text[i+1:end], depth+1)+"</"+tag+">", end+1-i
			}
		}
		if n == 0 {
			n = character(text[i:])
			shown = escape(text[i : i+n])
		}
		out.WriteString(shown)
		i += n
	}
	return out.String()
}

// markup renders what stands at i and takes n bytes there, unless it is a style; n is 0 where nothing special stands.
func markup(text string, i int) (shown string, n int) {
	switch c := text[i]; {
	case c == '`':
		if end := strings.IndexByte(text[i+1:], '`'); end > 0 {
			return "<code>" + escape(text[i+1:i+1+end]) + "</code>", end + 2
		}
	case c == '<':
		if end := strings.IndexAny(text[i+1:], "<>"); end > 0 && text[i+1+end] == '>' {
			if shown = reference(text[i+1 : i+1+end]); shown != "" {
				return shown, end + 2
			}
		}
	case c == ':':
		if match := emoji.FindStringSubmatch(text[i:min(len(text), i+64)]); match != nil && emojis[match[1]] != "" {
			return emojis[match[1]], len(match[0])
		}
	case c == 'h' && atWordStart(text, i):
		found := strings.TrimRight(bareURL.FindString(text[i:]), ".,;:!?)'*_~`")
		if shown = link(found, escape(found)); shown != "" {
			return shown, len(found)
		}
	}
	return "", 0
}

// character is the length of the first one; Slack's own three escapes are one each.
func character(text string) int {
	for _, entity := range []string{"&amp;", "&lt;", "&gt;"} {
		if strings.HasPrefix(text, entity) {
			return len(entity)
		}
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}

// partner finds the marker that closes the one at i: after something, before no letter. 0: there is none at all.
// A marker that opens nothing (a space follows it) yields i.
func partner(text string, i int) int {
	if i+1 >= len(text) || text[i+1] == ' ' || text[i+1] == text[i] {
		return i
	}
	for j := i + 2; j < len(text); j++ {
		if text[j] == text[i] && text[j-1] != ' ' && !wordAt(text[j+1:]) {
			return j
		}
	}
	return 0
}

func atWordStart(text string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:i])
	return i == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

func wordAt(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return text != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// reference renders what stands between < and >: a link, a mention, a date. Empty: none of these.
func reference(inner string) string {
	target, label, labelled := strings.Cut(inner, "|")
	mention := func(sign, name string) string {
		if labelled && label != "" {
			name = label
		}
		return `<span class="mention">` + sign + escape(strings.TrimPrefix(name, sign)) + "</span>"
	}
	switch {
	case strings.HasPrefix(target, "@"):
		return mention("@", target[1:])
	case strings.HasPrefix(target, "#"):
		return mention("#", target[1:])
	case strings.HasPrefix(target, "!date^"):
		return escape(label)
	case strings.HasPrefix(target, "!subteam^"):
		return mention("@", "group")
	case strings.HasPrefix(target, "!"):
		return mention("@", target[1:])
	}
	shown := target
	if labelled && label != "" {
		shown = label
	}
	return link(target, inline(shown, 3))
}

// link makes a link of an address that is safe to follow, and nothing of another one.
func link(address, shown string) string {
	address = unescape(address)
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return ""
	}
	// A bare address as its own label must not become a link within the link.
	if strings.Contains(shown, "<a ") {
		shown = html.EscapeString(address)
	}
	return `<a href="` + html.EscapeString(address) + `" target="_blank" rel="noopener noreferrer">` + shown + "</a>"
}

// plain renders text that is no markup: emoji and line breaks only.
func plain(text string) template.HTML {
	text = emojiAnywhere.ReplaceAllStringFunc(text, func(code string) string {
		if known := emojis[strings.Trim(code, ":")]; known != "" {
			return known
		}
		return code
	})
	return template.HTML(strings.ReplaceAll(escape(text), "\n", "<br>")) //nolint:gosec // G203: escaped
}

var emojiAnywhere = regexp.MustCompile(`:[a-z0-9_+-]+:`)

// Slack has texts sent with &, < and > escaped, these three only.
var unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

func unescape(text string) string { return unescaper.Replace(text) }

func escape(text string) string { return html.EscapeString(unescape(text)) }
