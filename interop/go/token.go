package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"time"
)

// token is a shared access signature as docs/reference/amqp.md §3.4 says, made here and not by the SDK.
func token(resource, policy, key string, expiry time.Time) string {
	resource = url.QueryEscape(resource)
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s\n%d", resource, expiry.Unix())
	signature := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return fmt.Sprintf(
		"SharedAccessSignature sr=%s&sig=%s&se=%d&skn=%s", resource, signature, expiry.Unix(), url.QueryEscape(policy),
	)
}

// token is one of the server's own policy.
func (s *Server) token(resource string, expiry time.Time) string {
	return token(resource, s.setting("SharedAccessKeyName"), s.setting("SharedAccessKey"), expiry)
}
