package intake

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSignedMessagesAreTaken(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		s := newTopics(t)
		for name, m := range map[string]map[string]string{
			"with a subject":    s.message(version, nil),
			"without a subject": s.message(version, func(m map[string]string) { delete(m, "Subject") }),
		} {
			if status, text := s.post(m); status != http.StatusOK {
				t.Errorf("version %s, %s: %d %s", version, name, status, text)
			}
		}
		if len(s.took) != 2 || s.took[0].Subject != subject || s.took[0].Format != "sns notification" {
			t.Errorf("took %+v", s.took)
		}
		if want := []string{certificateURL, issuerURL}; !slices.Equal(s.fetched, want) {
			t.Errorf("fetched %v: the certificate is to be kept", s.fetched)
		}
	}
}

// The names that SNS's certificates have are not the same everywhere.
func TestCertificatesOfRegions(t *testing.T) {
	for name, c := range map[string]struct {
		topic, address, issued string
		status                 int
	}{
		"opt-in Region":   {"arn:aws:sns:af-south-1:111111111111:t", "https://sns.af-south-1.amazonaws.com/SimpleNotificationService-0.pem", "sns-signing.af-south-1.amazonaws.com", 200},
		"China":           {"arn:aws-cn:sns:cn-north-1:111111111111:t", "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem", "sns-cn-north-1.amazonaws.com.cn", 200},
		"GovCloud":        {"arn:aws-us-gov:sns:us-gov-east-1:111111111111:t", "https://sns.us-gov-east-1.amazonaws.com/SimpleNotificationService-0.pem", "sns-us-gov-west-1.amazonaws.com", 200},
		"European":        {"arn:aws-eusc:sns:eusc-de-east-1:111111111111:t", "https://sns.eusc-de-east-1.amazonaws.eu/SimpleNotificationService-0.pem", "sns.eusc-de-east-1.amazonaws.eu", 200},
		"isolated":        {"arn:aws-iso:sns:us-iso-east-1:111111111111:t", "https://sns.us-iso-east-1.c2s.ic.gov/SimpleNotificationService-0.pem", "sns.us-iso-east-1.c2s.ic.gov", 200},
		"isolated, b":     {"arn:aws-iso-b:sns:us-isob-east-1:111111111111:t", "https://sns.us-isob-east-1.sc2s.sgov.gov/SimpleNotificationService-0.pem", "sns-signing.us-isob-east-1.sc2s.sgov.gov", 200},
		"isolated, not":   {"arn:aws-iso:sns:us-iso-east-1:111111111111:t", "https://sns.us-iso-east-1.amazonaws.com/SimpleNotificationService-0.pem", "sns.us-iso-east-1.amazonaws.com", 403},
		"by Region":       {ourTopic, certificateURL, "sns.eu-west-1.amazonaws.com", 200},
		"another Region":  {ourTopic, certificateURL, "sns.us-east-1.amazonaws.com", 403},
		"another service": {ourTopic, certificateURL, "s3.amazonaws.com", 403},
	} {
		s := newTopics(t)
		s.ARNs = []string{c.topic}
		s.serves[c.address] = s.ca.leaf(func(l *x509.Certificate) { l.DNSNames = []string{c.issued} })
		status, text := s.post(s.message("2", func(m map[string]string) { m["TopicArn"], m["SigningCertURL"] = c.topic, c.address }))
		if status != c.status {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	set := func(key, value string) func(map[string]string) { return func(m map[string]string) { m[key] = value } }
	for name, c := range map[string]struct {
		signed func(map[string]string) // before it is signed
		after  func(map[string]string) // and then
		serves func(*topics)
		status int
	}{
		"changed message":       {after: set("Message", eventState), status: 403},
		"changed subject":       {after: set("Subject", "x"), status: 403},
		"added subject":         {signed: func(m map[string]string) { delete(m, "Subject") }, after: set("Subject", "x"), status: 403},
		"other version":         {after: set("SignatureVersion", "2"), status: 403},
		"version 3":             {after: set("SignatureVersion", "3"), status: 403},
		"no signature":          {after: set("Signature", ""), status: 403},
		"another topic":         {signed: set("TopicArn", ourTopic+"-2"), status: 403},
		"late":                  {signed: set("Timestamp", "2026-01-31T10:59:59.000Z"), status: 403},
		"our clock is slow":     {signed: set("Timestamp", "2026-01-31T12:06:00.000Z"), status: 503}, // SNS repeats nothing after a 403
		"no time":               {signed: set("Timestamp", "now"), status: 400},
		"certificate elsewhere": {signed: set("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem"), status: 403},
		"another Region's":      {signed: set("SigningCertURL", "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem"), status: 403},
		"in a bucket":           {signed: set("SigningCertURL", "https://s3.amazonaws.com/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"), status: 403},
		"with a user":           {signed: set("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem"), status: 403},
		"with a port":           {signed: set("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0.pem"), status: 403},
		"over http":             {signed: set("SigningCertURL", strings.Replace(certificateURL, "https", "http", 1)), status: 403},
		"no pem":                {signed: set("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/?Action=Publish"), status: 403},
		"of another name":       {signed: set("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/1.pem"), status: 403},
		"with a query":          {signed: set("SigningCertURL", certificateURL+"?x=1"), status: 403},
		"with a bare ?":         {signed: set("SigningCertURL", certificateURL+"?"), status: 403},
		"escaped":               {signed: set("SigningCertURL", strings.Replace(certificateURL, "-0", "-%30", 1)), status: 403},
		"in a folder":           {signed: set("SigningCertURL", strings.Replace(certificateURL, "/Simple", "/x/Simple", 1)), status: 403},
		"self-signed":           {serves: func(s *topics) { s.Roots = x509.NewCertPool() }, status: 403},
		"expired": {serves: func(s *topics) {
			s.serves[certificateURL] = s.ca.leaf(func(l *x509.Certificate) { l.NotAfter = snsNow.Add(-time.Minute) })
		}, status: 403},
		"not yet": {serves: func(s *topics) {
			s.serves[certificateURL] = s.ca.leaf(func(l *x509.Certificate) { l.NotBefore = snsNow.Add(time.Minute) })
		}, status: 403},
		"no certificate":      {serves: func(s *topics) { s.serves[certificateURL] = []byte("<html>") }, status: 403},
		"issuer's is none":    {serves: func(s *topics) { s.serves[issuerURL] = []byte("<html>") }, status: 403},
		"endless":             {serves: func(s *topics) { s.serves[certificateURL] = make([]byte, maxCertificate+1) }, status: 503},
		"SNS does not answer": {serves: func(s *topics) { delete(s.serves, certificateURL) }, status: 503},
		"wrong issuer":        {serves: func(s *topics) { s.serves[issuerURL] = s.ca.root.Raw }, status: 403},
	} {
		s := newTopics(t)
		if c.serves != nil {
			c.serves(s)
		}
		m := s.message("1", c.signed)
		if c.after != nil {
			c.after(m)
		}
		if status, text := s.post(m); status != c.status || text == "" {
			t.Errorf("%s: %d %s", name, status, text)
		}
		if len(s.took) != 0 {
			t.Errorf("%s: it was taken", name)
		}
		for _, address := range s.fetched {
			if !strings.HasPrefix(address, "https://sns.eu-west-1.amazonaws.com/") && address != issuerURL {
				t.Errorf("%s: %s was fetched", name, address)
			}
		}
	}
}

func TestMalformedMessages(t *testing.T) {
	s := newTopics(t)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"text":          {"Hello!", 400},
		"a list":        {"[]", 400},
		"raw delivery":  {eventNotification, 400},
		"too large":     {strings.Repeat(" ", maxEvent) + "{}", 413},
		"a key twice":   {`{"Type": "Notification", "Type": "Notification"}`, 400},
		"no mop at all": {string(must(json.Marshal(s.message("2", func(m map[string]string) { m["Message"] = "Hello!" })))), 400},
	} {
		if status, text := s.postText(c.body); status != c.status || text == "" {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sns", http.NoBody))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestAnswersOfTheDoor(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		status int
	}{
		"Temporal is down": {errors.New("no connection to 10.0.0.1"), 503},
		"another team's":   {Ignored{"other_group", "another team's"}, 200},
		"unknown account":  {Refusal{Code: "unknown_place", Text: "no such account"}, 400},
	} {
		s := newTopics(t)
		s.answer = c.answer
		status, text := s.post(s.message("2", nil))
		if status != c.status || strings.Contains(text, "10.0.0.1") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	s := newTopics(t)
	launch := s.message("2", func(m map[string]string) {
		m["Message"] = strings.Replace(eventNotification, "EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_LAUNCH", 1)
	})
	if status, text := s.post(launch); status != 200 || len(s.took) != 0 {
		t.Errorf("launch: %d %s", status, text)
	}
}

func TestSubscriptionIsConfirmed(t *testing.T) {
	s := newTopics(t)
	if status, text := s.post(s.message("2", confirmation(snsSubscribe))); status != 200 || !slices.Contains(s.fetched, subscribeURL) {
		t.Errorf("%d %s, fetched %v", status, text, s.fetched)
	}
	if status, _ := s.post(s.message("1", confirmation(snsUnsubscribe))); status != 200 || !strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the end of a subscription: %d\n%s", status, s.log)
	}
	delete(s.serves, subscribeURL)
	if status, _ := s.post(s.message("2", confirmation(snsSubscribe))); status != 503 {
		t.Errorf("SNS does not answer: %d", status)
	}
	if strings.Contains(s.log.String(), "secret-token") {
		t.Errorf("the token was logged:\n%s", s.log)
	}
}

func TestSubscriptionElsewhereIsNotConfirmed(t *testing.T) {
	for _, address := range []string{
		"https://evil.example/?Action=ConfirmSubscription&TopicArn=" + ourTopic,
		"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + ourTopic,
		"https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&TopicArn=" + ourTopic,
		"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + ourTopic + "-2",
		"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + ourTopic,
		"://",
	} {
		s := newTopics(t)
		m := s.message("2", func(m map[string]string) { confirmation(snsSubscribe)(m); m["SubscribeURL"] = address })
		if status, text := s.post(m); status != 403 || slices.Contains(s.fetched, address) {
			t.Errorf("%s: %d %s", address, status, text)
		}
	}
}

// A thousand at once, with nothing known: one fetch, and none is turned away.
func TestManyWaitForOneCertificate(t *testing.T) {
	s := newTopics(t)
	m := s.message("2", nil)
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			mine := maps.Clone(m)
			if status, text := s.post(mine); status != 200 {
				t.Errorf("message %d: %d %s", i, status, text)
			}
		})
	}
	all.Wait()
	if len(s.took) != 1000 || len(s.fetched) > 2*10 {
		t.Errorf("took %d, fetched %d times", len(s.took), len(s.fetched))
	}
}

// madeUp is an address such as SNS's certificates have, where there is none.
func madeUp(i int) func(map[string]string) {
	return func(m map[string]string) {
		m["SigningCertURL"] = fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%04x.pem", i)
	}
}

// Who sends ever new addresses makes this process fetch no more than a few.
func TestFetchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTopics(t)
		var all sync.WaitGroup
		for i := range 100 {
			m := s.message("2", madeUp(i))
			all.Go(func() {
				if status, text := s.post(m); status != http.StatusServiceUnavailable {
					t.Errorf("message %d: %d %s", i, status, text)
				}
			})
		}
		start := time.Now()
		all.Wait()
		if took := time.Since(start); len(s.fetched) > 15 || took > turnPatience {
			t.Errorf("fetched %d times in %s", len(s.fetched), took)
		}
	})
}

// Nor do they keep out SNS's own, which waits for its turn.
func TestMadeUpCertificatesStarveNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTopics(t)
		for i := range 10 {
			s.post(s.message("1", madeUp(i)))
		}
		if status, text := s.post(s.message("1", nil)); status != http.StatusOK || len(s.took) != 1 {
			t.Errorf("%d %s: %s", status, text, s.log)
		}
	})
}
