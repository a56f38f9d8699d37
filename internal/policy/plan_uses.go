package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// users finds who holds an image of one repository, by digest or by a tag that points to it.
type users struct{ byDigest, byTag map[string][]holder }

type holder struct{ kind, by string }

// usersOf reads the uses of one repository. A use that cannot be read holds nobody knows what: an error.
func usersOf(r Repository, uses []Use) (users, error) {
	u := users{byDigest: map[string][]holder{}, byTag: map[string][]holder{}}
	for _, use := range uses {
		if use.Repository != r {
			continue
		}
		if use.Tag == "" && use.Digest == "" || use.Digest != "" && !IsDigest(use.Digest) {
			return users{}, fmt.Errorf("%s %s uses an image of %s whose tag is %q and whose digest is %q: which it is cannot be told",
				use.Kind, use.By, r, use.Tag, use.Digest)
		}
		h := holder{use.Kind, use.By}
		if use.Digest != "" {
			u.byDigest[use.Digest] = append(u.byDigest[use.Digest], h)
		}
		if use.Tag != "" {
			u.byTag[use.Tag] = append(u.byTag[use.Tag], h)
		}
	}
	return u, nil
}

// of says in words who holds an image, or "".
func (u users) of(digest string, tags []string) string {
	all := slices.Clone(u.byDigest[digest])
	for _, tag := range tags {
		all = append(all, u.byTag[tag]...)
	}
	return holdersInWords(all)
}

func holdersInWords(all []holder) string {
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b holder) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.by, b.by)) })
	all = slices.Compact(all)
	words := fmt.Sprintf("used by %s %s", all[0].kind, all[0].by)
	switch n := len(all) - 1; n {
	case 0:
		return words
	case 1:
		return words + " and one other"
	default:
		return fmt.Sprintf("%s and %d others", words, n)
	}
}
