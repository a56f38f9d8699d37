package config
import ("testing";"strings";"time";"fmt")
func TestZ(t *testing.T){
 n:=100_000
 for name,text:=range map[string]string{
  "brackets":strings.Repeat("[",n),"flow":strings.Repeat("{a: ",n),"keys":func()string{var b strings.Builder;for i:=0;i<n/2;i++{fmt.Fprintf(&b,"k%d: 1\n",i)};return b.String()}(),
  "longkey":strings.Repeat("x",n*9)+": 1\n","longline":"a: \""+strings.Repeat("x: ",n)+"\"\n","dashes":strings.Repeat("- ",n),"nl":strings.Repeat("\n",n*9),"anch":strings.Repeat("a: &a x\n",n/4), "quotes":strings.Repeat("'a' ",n),"indent":func()string{var b strings.Builder;for i:=0;i<1000;i++{b.WriteString(strings.Repeat(" ",i)+"a:\n")};return b.String()}(),
  "targets":func()string{var b strings.Builder;b.WriteString("bake:\n  targets:\n    vg:\n");for i:=0;i<n/4;i++{fmt.Fprintf(&b,"      k%d: {}\n",i)};return b.String()}(),
 }{
  s:=time.Now(); c:=make(chan struct{}); go func(){ defer close(c); _,err:=read("x",[]byte(text),noEnv); fmt.Printf("%s %d %v %.80v\n",name,len(text),time.Since(s),err)}()
  select{case <-c: case <-time.After(30*time.Second): fmt.Println("TIMEOUT",name)}
 }
}
