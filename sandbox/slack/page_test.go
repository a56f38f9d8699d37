package slack

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
)

func TestMrkdwn(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"*bold* _it_ ~old~ `code`":     "<strong>bold</strong> <em>it</em> <s>old</s> <code>code</code>",
		"*bold _and it_*":              "<strong>bold <em>and it</em></strong>",
		"2*3*4 snake_case_name":        "2*3*4 snake_case_name",
		"* not bold * a*":              "* not bold * a*",
		"(*bold*), *x*.":               "(<strong>bold</strong>), <strong>x</strong>.",
		"**":                           "**",
		"`*not bold* <b>`":             "<code>*not bold* &lt;b&gt;</code>",
		"a\nb":                         "a<br>b",
		"a\n```\nx *y*\n  z```\nb":     "a<pre>x *y*\n  z</pre>b",
		"``` open":                     "``` open",
		"&gt; quoted\n&gt; more\nno":   "<blockquote>quoted<br>more</blockquote>no",
		":broom: :nope: 12:30:45":      "🧹 :nope: 12:30:45",
		"<https://a.example/x|name>":   `<a href="https://a.example/x" target="_blank" rel="noopener noreferrer">name</a>`,
		"<https://a.example/?a&amp;b>": `<a href="https://a.example/?a&amp;b" target="_blank" rel="noopener noreferrer">https://a.example/?a&amp;b</a>`,
		"see https://a.example/x.":     `see <a href="https://a.example/x" target="_blank" rel="noopener noreferrer">https://a.example/x</a>.`,
		"*<https://a.example|b>*":      `<strong><a href="https://a.example" target="_blank" rel="noopener noreferrer">b</a></strong>`,
		"<@U123> <#C1|ops> <!here>":    `<span class="mention">@U123</span> <span class="mention">#ops</span> <span class="mention">@here</span>`,
		"<!date^1^{date}|1 May>":       "1 May",
		"a &lt;b&gt; &amp;amp; & c":    "a &lt;b&gt; &amp;amp; &amp; c",
		"é*ü*é *ü*":                    "é*ü*é <strong>ü</strong>",
		"http://[::1 https://":         "http://[::1 https://",
		"<b> <javascript:x|y>":         "&lt;b&gt; &lt;javascript:x|y&gt;",
		"\xff*x":                       "\xff*x",
	} {
		if got := string(mrkdwn(in)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

var hostile = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<javascript:alert(1)|click>`, `<data:text/html,x|click>`,
	`<https://a.example/"onmouseover="alert(1)|x>`, `<https://a.example|<img src=x>>`, "`<script>`", "```<script>```", `*<svg onload=x>*`,
	`&lt;script&gt;`, `<@"><script>>`, `<!date^1^x|<script>>`, `"><script>`, `' onclick='x`, `https://a.example/"><script>`, `<ja&amp;vascript:x>`,
}

func TestHostileTextStaysText(t *testing.T) {
	_, client, control := workspace(t)
	for _, in := range hostile {
		object := func(kind string) *goslack.TextBlockObject { return goslack.NewTextBlockObject(kind, in, false, false) }
		image := goslack.NewImageBlockElement("javascript:alert(1)", in)
		button := goslack.NewButtonBlockElement("a", in, object("plain_text"))
		button.URL = in
		pressed := goslack.NewButtonBlockElement("b", in, object("plain_text")).WithConfirm(
			goslack.NewConfirmationBlockObject(object("plain_text"), object("mrkdwn"), plainText("Yes"), plainText("No")))
		post(t, client, ops, text(in), goslack.MsgOptionUsername(in))
		post(t, client, ops, goslack.MsgOptionAttachments(goslack.Attachment{Color: "red;background:url(x)", Title: in, Text: in, Footer: in, Fields: []goslack.AttachmentField{{Title: in, Value: in}}}))
		post(t, client, ops, goslack.MsgOptionBlocks(
			goslack.NewHeaderBlock(object("plain_text")), goslack.NewSectionBlock(object("mrkdwn"), []*goslack.TextBlockObject{object("mrkdwn")}, goslack.NewAccessory(button)),
			goslack.NewContextBlock("", object("mrkdwn"), image), goslack.NewActionBlock("", pressed)))
	}
	resp, err := http.Get(control.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	body := string(data)
	if !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Fatalf("the page is cut short: …%s", body[max(0, len(body)-300):])
	}
	for _, bad := range []string{"<script>", "<img", "<svg", `href="javascript`, `href="data`, ` onmouseover="`, ` onclick='`, `"onmouseover=`, "url(x)"} {
		if strings.Contains(body, bad) {
			at := strings.Index(body, bad)
			t.Errorf("the page has %s: %s", bad, body[max(0, at-100):at+100])
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}

func TestHostileTextIsQuick(t *testing.T) {
	for _, unit := range []string{"*a ", "*", "_a", "~*_", "`", "```", "<", "<a", "<a|", ":a", ":", "https://", "&", "&gt;", "\n&gt;", "*_~a~_* "} {
		begin := time.Now()
		mrkdwn(strings.Repeat(unit, 40000/len(unit)))
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("40,000 characters of %q took %s", unit, took)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	for _, in := range hostile {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := string(mrkdwn(in))
		// Whatever comes in, only our own tags go out.
		for rest := out; ; {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			known := false
			for _, tag := range []string{"strong>", "em>", "s>", "code>", "pre>", "br>", "blockquote>", "span>", `span class="mention">`, `a href="http`, `a href="mailto:`, "a>"} {
				known = known || strings.HasPrefix(strings.TrimPrefix(after, "/"), tag)
			}
			if !known {
				t.Fatalf("%q gives %q", in, out)
			}
			rest = after
		}
	})
}

func TestEveryPageDraws(t *testing.T) {
	_, client, control := workspace(t)
	get := func(path string) string {
		resp, err := http.Get(control.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return string(data)
	}
	if body := get("/"); !strings.Contains(body, "no messages yet") {
		t.Error("an empty workspace does not say so")
	}
	_, root := post(t, client, "deploys", text("*root*"))
	post(t, client, "deploys", text("reply"), goslack.MsgOptionTS(root))
	id, ts := post(t, client, "other", text("old words"))
	if _, _, _, err := client.UpdateMessage(id, ts, text("after")); err != nil {
		t.Fatal(err)
	}
	if body := get("/"); !strings.Contains(body, "#other") || !strings.Contains(body, "(edited)") || strings.Contains(body, "old words") {
		t.Error("the channel with the latest message is not shown as it is now")
	}
	body := get("/?channel=" + must[[]Message](t)(control.Messages(t.Context(), "deploys"))[0].Channel)
	for _, want := range []string{"<strong>root</strong>", "1 reply", ">reply<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	// Blocks that are valid for Slack but unusual must not break the page.
	post(t, client, ops, goslack.MsgOptionBlocks(goslack.NewMarkdownBlock("", "# hi"), goslack.NewRichTextBlock("", goslack.NewRichTextSection(goslack.NewRichTextSectionTextElement("x", nil)))))
	if body := get("/?channel=" + ops); !strings.Contains(body, "</html>") || strings.Contains(body, "could not be drawn") {
		t.Errorf("page: %s", body)
	}
}
