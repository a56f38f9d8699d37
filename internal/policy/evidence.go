package policy

// A survey that finds nothing in use has looked in the wrong place. What proves that it looked in the right one is what somebody
// runs there: not what people have listed, and not the last revisions of a family, which are held because they exist.
var noEvidence = map[string]bool{UseRollback: true, UseListed: true, UseListedObject: true}

// holdsDefinitions are the kinds of use that hold task definitions, and are evidence; the others hold images alone.
var holdsDefinitions = map[string]bool{
	UseTask: true, UseStoppedTask: true, UseService: true, UseDeployment: true, UseTaskSet: true, UseServiceRevision: true,
	UseRule: true, UseSchedule: true, UseStepFunctions: true,
}

// ImagesSeen counts the uses of images that prove a survey.
func ImagesSeen(uses []Use) int {
	n := 0
	for _, u := range uses {
		if !noEvidence[u.Kind] {
			n++
		}
	}
	return n
}

// DefinitionsSeen counts the uses of task definitions that prove a survey.
func DefinitionsSeen(uses []TaskDefinitionUse) int {
	n := 0
	for _, u := range uses {
		if holdsDefinitions[u.Kind] {
			n++
		}
	}
	return n
}

// DefinitionsCounted is the same of what surveys have counted.
func DefinitionsCounted(counts []UseCount) int {
	n := 0
	for _, c := range counts {
		if holdsDefinitions[c.Kind] {
			n += c.Count
		}
	}
	return n
}
