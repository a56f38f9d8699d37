package slack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxFile = 32 << 20 // of Slack's 1 GB: this one keeps them in memory

// A File that was uploaded, the way the Web API returns it.
type File struct {
	ID          string   `json:"id"`
	Created     int64    `json:"created"`
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Mimetype    string   `json:"mimetype"`
	Filetype    string   `json:"filetype"`
	User        string   `json:"user"`
	Size        int      `json:"size"`
	URLPrivate  string   `json:"url_private"`
	URLDownload string   `json:"url_private_download"`
	Permalink   string   `json:"permalink"`
	Channels    []string `json:"channels"`

	content  []byte
	ticket   string
	uploaded bool
	complete bool
}

func (s *Server) files() {
	s.mux.HandleFunc("POST /upload/v1/{ticket}", s.serveUpload)
	s.mux.HandleFunc("GET /files-pri/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.options.Token {
			http.Error(w, "Slack shows its login page here: send the token", http.StatusForbidden)
			return
		}
		s.serveFile(w, r)
	})
	s.mux.HandleFunc("GET /files/{id}/{name}", s.serveFile) // for the page's reader
}

// uploadURL starts an upload. https://docs.slack.dev/reference/methods/files.getUploadURLExternal
func (s *Server) uploadURL(r *http.Request, a args) (reply, error) {
	length, err := strconv.Atoi(a["length"])
	if a["filename"] == "" || err != nil || length < 1 {
		return nil, refuse("missing_argument")
	}
	if length > maxFile {
		return nil, refuse("file_upload_size_restricted")
	}
	name := path.Base(a["filename"])
	f := &File{
		ID: "F0" + strings.ToUpper(random(4)), Created: s.now().Unix(), Name: name, Title: name, User: userID, Size: length,
		Filetype: strings.TrimPrefix(path.Ext(name), "."), Channels: []string{}, ticket: random(16),
	}
	f.Mimetype, _, _ = mime.ParseMediaType(mime.TypeByExtension(path.Ext(name)))
	base := "http://" + r.Host
	f.URLPrivate = base + "/files-pri/" + f.ID + "/" + name
	f.URLDownload, f.Permalink = f.URLPrivate, base+"/files/"+f.ID+"/"+name
	s.uploads[f.ID] = f
	return reply{"file_id": f.ID, "upload_url": base + "/upload/v1/" + f.ticket}, nil
}

// serveUpload takes the bytes, raw or in a form. Slack answers anything but 200 if they are not as many as announced.
// https://docs.slack.dev/messaging/working-with-files#uploading_files
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	content, err := fileContent(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.uploads {
		switch {
		case f.ticket != r.PathValue("ticket"):
			continue
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case len(content) != f.Size:
			http.Error(w, fmt.Sprintf("%d bytes came, %d were announced", len(content), f.Size), http.StatusBadRequest)
		default:
			f.content, f.uploaded = content, true
			fmt.Fprintf(w, "OK - %d", len(content))
		}
		return
	}
	http.Error(w, "no such upload", http.StatusNotFound)
}

func fileContent(r *http.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxFile+1<<20)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		return io.ReadAll(r.Body)
	}
	if err := r.ParseMultipartForm(maxFile); err != nil {
		return nil, err
	}
	for _, parts := range r.MultipartForm.File {
		part, err := parts[0].Open()
		if err != nil {
			return nil, err
		}
		defer part.Close()
		return io.ReadAll(part)
	}
	return nil, http.ErrMissingFile
}

// completeUpload shares what was uploaded. Slack does so some moments later; here it is done with the answer.
// https://docs.slack.dev/reference/methods/files.completeUploadExternal
func (s *Server) completeUpload(_ *http.Request, a args) (reply, error) {
	var wanted []struct{ ID, Title string }
	if json.Unmarshal([]byte(a["files"]), &wanted) != nil || len(wanted) == 0 {
		return nil, refuse("invalid_arguments")
	}
	found, files := []reply{}, []*File{}
	for _, w := range wanted {
		f := s.uploads[w.ID]
		if f == nil || !f.uploaded || f.complete {
			return nil, refuse("file_not_found")
		}
		found, files = append(found, reply{"id": f.ID, "title": cmp.Or(w.Title, f.Title)}), append(files, f)
	}
	if utf8.RuneCountInString(a["initial_comment"]) > maxText {
		return nil, refuse("msg_too_long")
	}
	c, thread, err := s.place(a)
	if err != nil {
		return nil, err
	}
	m := &Message{ThreadTS: thread, Version: Version{Text: a["initial_comment"]}}
	for i, f := range files {
		f.complete, f.Title = true, cmp.Or(wanted[i].Title, f.Title)
		if c != nil {
			f.Channels = append(f.Channels, c.id)
		}
		m.Files = append(m.Files, *f)
	}
	if c != nil {
		m.Channel, m.TS = c.id, s.stamp()
		m.At = m.TS
		c.messages = append(c.messages, m)
	}
	return reply{"files": found}, nil
}

// place is where files are shared: nowhere, in a channel, or in one of its threads.
func (s *Server) place(a args) (c *channel, thread string, err error) {
	if a["channel_id"] == "" {
		return nil, "", nil
	}
	if !channelID.MatchString(a["channel_id"]) {
		return nil, "", refuse("channel_not_found") // names are not taken
	}
	c = s.open(a["channel_id"])
	if a["thread_ts"] == "" {
		return c, "", nil
	}
	root := c.find(a["thread_ts"])
	if root == nil {
		return nil, "", refuse("invalid_arguments") // no page says which; a lost file should be seen
	}
	return c, cmp.Or(root.ThreadTS, root.TS), nil
}

// https://docs.slack.dev/reference/methods/files.info
func (s *Server) fileInfo(_ *http.Request, a args) (reply, error) {
	f := s.uploads[a["file"]]
	if f == nil || !f.complete {
		return nil, refuse("file_not_found")
	}
	return reply{"file": f, "comments": []any{}}, nil
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.uploads[r.PathValue("id")]
	s.mu.Unlock()
	if f == nil || !f.complete {
		http.NotFound(w, r)
		return
	}
	// As text whatever it is: the page must not run what was uploaded.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	http.ServeContent(w, r, "", s.now(), bytes.NewReader(f.content))
}
