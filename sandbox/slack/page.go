package slack

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"mrkdwn": mrkdwn, "plain": plain, "text": textObject, "clock": clock, "day": day, "color": color, "href": href,
}).Parse(pageSource))

// The page needs nothing from elsewhere, and no message can make it fetch or run anything.
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'"

// refresh swaps the page's content when it has changed, and keeps the place where one reads.
const refresh = `
const nav = () => document.querySelector("nav"), main = () => document.querySelector("main");
const dialog = () => document.querySelector("#modal");
let last = null, asked = null;
async function look() {
  try {
    const html = await (await fetch(location.href, {cache: "no-store"})).text();
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const modal = fresh.querySelector("#modal").outerHTML;
    if (asked !== null && modal !== asked) dialog().replaceWith(fresh.querySelector("#modal")); // else what is typed stays
    asked = modal;
    if (last !== null && html !== last) {
      const below = main().scrollHeight - main().scrollTop - main().clientHeight < 40, top = main().scrollTop;
      nav().replaceWith(fresh.querySelector("nav"));
      main().replaceWith(fresh.querySelector("main"));
      document.title = fresh.title;
      main().scrollTop = below ? main().scrollHeight : top;
    }
    last = html;
    document.body.classList.remove("gone");
  } catch { document.body.classList.add("gone"); }
  setTimeout(look, 1000);
}
document.addEventListener("change", e => { if (e.target.name === "me") e.target.form.submit(); });
document.addEventListener("submit", e => {
  const question = e.target.dataset.confirm;
  if (question && !window.confirm(question)) e.preventDefault();
});
if (!location.hash) main().scrollTop = main().scrollHeight;
look();
`

func (s *Server) pages() {
	s.mux.HandleFunc("GET /{$}", s.servePage)
	s.mux.HandleFunc("GET /refresh.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		fmt.Fprint(w, refresh)
	})
	// Where chat.getPermalink leads to.
	s.mux.HandleFunc("GET /archives/{channel}/{message}", func(w http.ResponseWriter, r *http.Request) {
		ts := strings.TrimPrefix(r.PathValue("message"), "p")
		if len(ts) > 6 {
			ts = ts[:len(ts)-6] + "." + ts[len(ts)-6:]
		}
		http.Redirect(w, r, "/?channel="+template.URLQueryEscaper(r.PathValue("channel"))+"#"+template.URLQueryEscaper(ts), http.StatusFound)
	})
}

type pageChannel struct {
	ID, Title string
	Count     int
	Shown     bool
}

type pageMessage struct {
	Message
	Blocks      []map[string]any
	Attachments []map[string]any
	Replies     []pageMessage
	NewDay      bool
	Follows     bool // soon after another by the same name: Slack leaves the header out
	Private     bool // only the reader sees it
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := s.channel(r.FormValue("channel"))
	if shown == nil { // the one with the latest message
		for _, c := range s.channels {
			if n := len(c.messages); n > 0 && (shown == nil || c.messages[n-1].TS > shown.messages[len(shown.messages)-1].TS) {
				shown = c
			}
		}
	}
	data := struct {
		Channels []pageChannel
		Title    string
		Shown    string // channel
		Messages []pageMessage
		Users    []User
		Me       User
		View     *pageView
	}{Title: "no messages yet", Users: s.users, Me: s.reader(r)}
	data.View = s.openFor(data.Me)
	for _, c := range s.channels {
		data.Channels = append(data.Channels, pageChannel{c.id, c.title(), len(c.messages), c == shown})
	}
	if shown != nil {
		data.Title, data.Shown, data.Messages = "#"+shown.title(), shown.id, s.shown(shown, data.Me)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", contentPolicy)
	w.Header().Set("Cache-Control", "no-store")
	if err := page.Execute(w, data); err != nil {
		fmt.Fprintf(w, "the page could not be drawn: %s", template.HTMLEscapeString(err.Error()))
	}
}

// shown lists what the reader sees of a channel, threads under their messages.
func (s *Server) shown(c *channel, reader User) []pageMessage {
	all := s.visible(c, reader)
	var out []pageMessage
	for _, p := range all {
		if p.ThreadTS != "" && !p.Broadcast {
			continue
		}
		for _, reply := range all {
			if reply.ThreadTS == p.TS && reply.TS != p.TS {
				p.Replies = append(p.Replies, reply)
			}
		}
		p.NewDay = true
		if n := len(out); n > 0 {
			before := out[n-1]
			p.NewDay = day(before.TS) != day(p.TS)
			p.Follows = !p.NewDay && !p.Private && !before.Private && before.Username == p.Username && len(before.Replies) == 0 &&
				moment(p.TS).Sub(moment(before.TS)) < 5*time.Minute
		}
		out = append(out, p)
	}
	return out
}

// visible lists a channel's messages and the reader's ephemeral ones, oldest first.
func (s *Server) visible(c *channel, reader User) []pageMessage {
	all := make([]pageMessage, 0, len(c.messages))
	for _, m := range c.messages {
		all = append(all, drawn(m))
	}
	for _, e := range s.ephemerals {
		if e.Channel == c.id && e.User == reader.ID {
			p := drawn(&e.Message)
			p.Private = true
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b pageMessage) int { return strings.Compare(a.TS, b.TS) })
	return all
}

// drawn reads a message's blocks, and tells their buttons where they are.
func drawn(m *Message) pageMessage {
	p := pageMessage{Message: *m}
	_ = json.Unmarshal(m.Blocks, &p.Blocks) // checked when they came
	_ = json.Unmarshal(m.Attachments, &p.Attachments)
	for _, block := range p.Blocks {
		elements, _ := block["elements"].([]any)
		for _, value := range append(elements, block["accessory"]) {
			if element, ok := value.(map[string]any); ok {
				element["sandbox_channel"], element["sandbox_ts"] = m.Channel, m.TS
			}
		}
	}
	return p
}

// textObject renders a text object, a rich text or a plain string.
func textObject(value any) template.HTML {
	object, ok := value.(map[string]any)
	if !ok {
		text, _ := value.(string)
		return mrkdwn(text)
	}
	text, _ := object["text"].(string)
	if object["type"] == "mrkdwn" {
		return mrkdwn(text)
	}
	return plain(text)
}

// href is an address a person may follow, or none.
func href(value any) string {
	address, _ := value.(string)
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
		return address
	}
	return ""
}

// color is the bar beside an attachment.
func color(value any) template.CSS {
	text, _ := value.(string)
	if known := map[string]string{"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}[text]; known != "" {
		return template.CSS(known) //nolint:gosec // G203: from the table above
	}
	hex := strings.TrimPrefix(text, "#")
	if _, err := strconv.ParseUint(hex, 16, 32); err != nil || len(hex) != 6 {
		return "#dddddd"
	}
	return template.CSS("#" + hex) //nolint:gosec // G203: six hexadecimal digits
}

func moment(ts string) time.Time {
	seconds, _, _ := strings.Cut(ts, ".")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0)
}

func clock(ts string) string { return moment(ts).Format("15:04:05") }

func day(ts string) string { return moment(ts).Format("Monday, 2 January") }
