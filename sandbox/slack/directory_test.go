package slack

import (
	"strings"
	"testing"

	goslack "github.com/slack-go/slack"
)

func TestDirectory(t *testing.T) {
	_, client, control := interactive(t)
	ctx := t.Context()
	if err := control.SetUser(ctx, User{ID: "U0LINUS000", Name: "linus"}); err != nil {
		t.Fatal(err)
	}
	if err := control.SetUsergroup(ctx, Usergroup{ID: "S0PLATFORM0", Handle: "platform", Users: []string{"U0LINUS000"}}); err != nil {
		t.Fatal(err)
	}
	if err := control.SetUser(ctx, User{Name: "x"}); err == nil {
		t.Error("a user without id was taken")
	}
	if u, err := client.GetUserInfoContext(ctx, "U0LINUS000"); err != nil || u.Name != "linus" || u.TeamID != teamID {
		t.Errorf("users.info: %+v, %v", u, err)
	}
	_, err := client.GetUserInfoContext(ctx, "linus")
	wantCode(t, err, "user_not_found")
	groups := must[[]goslack.UserGroup](t)(client.GetUserGroupsContext(ctx, goslack.GetUserGroupsOptionIncludeUsers(true)))
	if len(groups) != 2 || groups[1].Handle != "platform" || len(groups[0].Users) != 2 {
		t.Errorf("usergroups.list: %+v", groups)
	}
	if members := must[[]string](t)(client.GetUserGroupMembersContext(ctx, "S0OPERATORS")); strings.Join(members, " ") != "U0ADA00000 U0GRACE000" {
		t.Errorf("members %v", members)
	}
	_, err = client.GetUserGroupMembersContext(ctx, "S0NOBODY000")
	wantCode(t, err, "no_such_subteam")
}
