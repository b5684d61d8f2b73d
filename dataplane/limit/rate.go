package limit

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Rate is bytes a second; 0: no limit. It is written as a number, perhaps with a
// suffix: k, M, G for powers of 1000, Ki, Mi, Gi for powers of 1024.
type Rate int64

// mostRate is beyond any network.
const mostRate Rate = 1e15

var units = []struct {
	suffix string
	bytes  int64
}{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1}}

// ParseRate reads a rate: 1500000, 1500k, 12.5M, 64Mi.
func ParseRate(text string) (Rate, error) {
	for _, u := range units {
		number, is := strings.CutSuffix(text, u.suffix)
		if !is {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || strings.Trim(number, "0123456789.") != "" || n*float64(u.bytes) > float64(mostRate) {
			break
		}
		return Rate(n*float64(u.bytes) + 0.5), nil
	}
	return 0, fmt.Errorf("%.32q is no rate: bytes a second up to %s, perhaps with k, M, G or Ki, Mi, Gi; 0: no limit", text, mostRate)
}

// String is what ParseRate reads, with the largest suffix that loses nothing.
func (r Rate) String() string {
	for _, u := range units {
		if r >= Rate(u.bytes) && int64(r)%u.bytes == 0 {
			return strconv.FormatInt(int64(r)/u.bytes, 10) + u.suffix
		}
	}
	return "0"
}

// UnmarshalJSON takes a number, or a text as ParseRate does.
func (r *Rate) UnmarshalJSON(data []byte) (err error) {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	*r, err = ParseRate(text)
	return err
}
